// Plots of the last hour, in SVG.

const hour = 3600;

/** What the axis of time shows, at least as much as there is; with the distance of its labels. */
const spans = [[900, 300], [1800, 600], [hour, 900]];

/** A time or a number that is round, and not less. */
function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].map(step => step * power).find(step => step >= value * 0.999);
}

/**
 * A plot of the last hour, drawn anew when figures come or the window changes.
 *
 * `series` are drawn in their order: stacked areas, areas, or lines; `value` takes a sample.
 */
class Plot {
  constructor(figure, { title, unit, series, scale, summary }) {
    Object.assign(this, { figure, unit, series, scale, summary, samples: [], interval: 10, index: null });
    this.keys = make('span', { className: 'keys' });
    this.svg = draw('svg', { role: 'img', tabindex: 0 });
    figure.append(make('figcaption', {}, make('h3', {}, title), this.keys), this.svg);
    this.showKeys(null);
    new ResizeObserver(() => this.render()).observe(this.svg);
    this.svg.addEventListener('pointermove', event => this.point(event));
    this.svg.addEventListener('pointerleave', () => this.moveTo(null));
    this.svg.addEventListener('blur', () => this.moveTo(null));
    this.svg.addEventListener('keydown', event => this.step(event));
  }

  show(samples, interval) {
    this.samples = samples;
    this.interval = interval;
    this.render();
  }

  showKeys(sample) {
    const figures = this.series.map(one => make('span', { className: `key ${one.ink} ${one.kind === 'tail' ? 'tail' : ''}` },
      sample ? `${one.name} ${this.unit(one.value(sample, this.interval))}` : one.name));
    this.keys.replaceChildren(...(sample ? [make('span', {}, clock(sample.time))] : []), ...figures);
  }

  point(event) {
    if (!this.samples.length || !this.x) return;
    const at = event.clientX - this.svg.getBoundingClientRect().left;
    let best = 0;
    this.samples.forEach((sample, index) => {
      if (Math.abs(this.x(sample.time) - at) < Math.abs(this.x(this.samples[best].time) - at)) best = index;
    });
    this.moveTo(best);
  }

  step(event) {
    const last = this.samples.length - 1;
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30, Home: -last, End: last };
    if (!(event.key in moves) || last < 0) return;
    event.preventDefault();
    this.moveTo(Math.min(last, Math.max(0, (this.index ?? last) + moves[event.key])));
  }

  moveTo(index) {
    this.index = index;
    const sample = index === null ? null : this.samples[index];
    this.showKeys(sample);
    this.cursor?.remove();
    if (!sample || !this.x) return;
    const at = this.x(sample.time);
    this.cursor = draw('line', { class: 'cursor', x1: at, x2: at, y1: this.top, y2: this.bottom });
    this.svg.append(this.cursor);
  }

  render() {
    const { width, height } = this.svg.getBoundingClientRect();
    if (!width) return;
    const { samples, interval } = this;
    const end = samples.length ? samples[samples.length - 1].time : Date.now() / 1000;
    const [left, right] = [58, width - 6];
    this.top = 8;
    this.bottom = height - 20;
    const [span, step] = spans.find(([span]) => samples.length * interval <= span) ?? spans[spans.length - 1];
    this.x = seconds => left + (right - left) * (1 - (end - seconds) / span);

    // What is stacked on what, from the bottom.
    const bands = new Map();
    const sums = samples.map(() => 0);
    for (const one of this.series.filter(one => one.kind === 'stack')) {
      bands.set(one, samples.map((sample, index) => {
        const low = sums[index];
        sums[index] += one.value(sample, interval) ?? 0;
        return [low, sums[index]];
      }));
    }
    const values = this.series.filter(one => one.kind !== 'stack')
      .flatMap(one => samples.map(sample => one.value(sample, interval)))
      .concat(bands.size ? sums : []).filter(value => value !== null && value !== undefined && !Number.isNaN(value));
    const scale = this.scale(values);
    const y = value => this.bottom - (this.bottom - this.top) * Math.min(1, Math.max(0, scale.place(value)));

    const parts = [];
    for (const tick of scale.ticks) {
      parts.push(
        draw('line', { class: tick === scale.ticks[0] ? 'axis' : 'grid', x1: left, x2: right, y1: y(tick), y2: y(tick) }),
        draw('text', { x: left - 6, y: y(tick) + 4, 'text-anchor': 'end' }, values.length ? this.unit(tick) : ''));
    }
    const apart = width < 380 ? 2 * step : step;
    for (let seconds = Math.ceil((end - span) / apart) * apart; seconds <= end; seconds += apart) {
      const at = this.x(seconds);
      if (at < left + 12 || at > right - 14) continue;
      parts.push(draw('text', { x: at, y: height - 4, 'text-anchor': 'middle' }, clock(seconds)));
    }
    for (const one of this.series) {
      const points = samples.map((sample, index) => bands.has(one)
        ? [this.x(sample.time), y(bands.get(one)[index][0]), y(bands.get(one)[index][1])]
        : [this.x(sample.time), this.bottom, one.value(sample, interval)]);
      parts.push(...Plot.marks(one, points, y));
    }
    if (!samples.length) {
      parts.push(draw('text', { class: 'empty', x: (left + right) / 2, y: height / 2 - 8, 'text-anchor': 'middle' }, 'No figures yet'));
    }
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...parts);
    this.svg.setAttribute('aria-label', this.summary(samples, interval));
    if (this.index !== null) this.moveTo(Math.min(this.index, samples.length - 1));
  }

  /** The lines and areas of one series; a gap where there is no figure. */
  static marks(one, points, y) {
    const fixed = value => value.toFixed(1);
    if (one.kind === 'stack') {
      if (!points.length) return [];
      const up = points.map(([x, , high]) => `${fixed(x)},${fixed(high)}`);
      const down = points.map(([x, low]) => `${fixed(x)},${fixed(low)}`).reverse();
      return [draw('path', { class: `area ${one.ink}`, d: `M${[...up, ...down].join('L')}Z` })];
    }
    const runs = [[]];
    for (const [x, low, value] of points) {
      if (value === null || value === undefined || Number.isNaN(value)) runs.push([]);
      else runs[runs.length - 1].push([x, y(value), low]);
    }
    return runs.filter(run => run.length).flatMap(run => {
      // A point alone is a line of no length, which its round ends show.
      const line = run.length > 1 ? run : [run[0], run[0]];
      const path = `M${line.map(([x, at]) => `${fixed(x)},${fixed(at)}`).join('L')}`;
      const marks = [draw('path', { class: `line ${one.ink} ${one.kind === 'tail' ? 'tail' : ''}`, d: path })];
      if (one.kind === 'area') {
        const [first, last] = [run[0], run[run.length - 1]];
        marks.unshift(draw('path', { class: `area soft ${one.ink}`, d: `${path}L${fixed(last[0])},${last[2]}L${fixed(first[0])},${first[2]}Z` }));
      }
      return marks;
    });
  }
}

/** From zero to a round number. */
function linear(top) {
  return values => {
    const most = top ?? roundUp(Math.max(0, ...values));
    return { ticks: [0, most / 2, most], place: value => value / most };
  };
}

/** Decades, so that microseconds and seconds have room together. */
function decades(values) {
  const low = values.length ? Math.floor(Math.log10(Math.max(1, Math.min(...values)))) : 1;
  const high = values.length ? Math.ceil(Math.log10(Math.max(10, ...values))) : 5;
  const top = Math.max(high, low + 2);
  const step = top - low > 4 ? 2 : 1;
  const ticks = [];
  for (let power = low; power <= top; power += step) ticks.push(10 ** power);
  return { ticks, place: value => (Math.log10(Math.max(value, 1)) - low) / (top - low) };
}
