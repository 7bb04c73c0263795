// The page asks the server it came from, and nobody else. `words.js` and `plot.js` come before this.

// MARK: Asking

class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

const store = {
  // A browser that keeps nothing for us asks for the token again.
  get token() { try { return sessionStorage.getItem('token'); } catch { return null; } },
  set token(value) { try { sessionStorage.setItem('token', value); } catch { /* for this view only */ } },
};

let token = store.token;
let asking = null;

/** Asks a person for the token; everything that wants it waits for the same answer. */
function askToken() {
  asking ??= new Promise(resolve => {
    const dialog = byId('ask-token');
    byId('token-wrong').hidden = token === null;
    dialog.addEventListener('close', () => {
      token = byId('token').value.trim();
      store.token = token;
      asking = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

// The dialog stays until there is something to try.
byId('ask-token').addEventListener('cancel', event => event.preventDefault());

async function ask(path, method = 'GET') {
  for (;;) {
    const headers = { Accept: 'application/json' };
    if (method === 'POST') headers['Content-Type'] = 'application/json';
    if (token) headers.Authorization = `Bearer ${token}`;
    const used = token;
    const response = await fetch(`/api/v1/${path}`, { method, headers, cache: 'no-store' });
    if (response.status === 401) {
      if (token === used) await askToken();
      continue;
    }
    const body = await response.json();
    if (!response.ok) throw new Refused(response.status, body.error ?? `${response.status}`);
    return body;
  }
}

// MARK: The last hour

const perSecond = field => (sample, interval) => field(sample) / interval;
const ratio = sample => (sample.hits + sample.misses ? sample.hits / (sample.hits + sample.misses) : null);
const latest = (samples, field) => samples.map(field).filter(value => value !== null).pop();

const plots = {
  queries: new Plot(byId('plot-queries'), {
    title: 'Queries a second',
    unit: rate,
    scale: linear(),
    series: [
      { name: 'hits', ink: 'hit', kind: 'stack', value: perSecond(sample => sample.hits) },
      { name: 'misses', ink: 'miss', kind: 'stack', value: perSecond(sample => sample.misses) },
      { name: 'other', ink: 'other', kind: 'stack', value: perSecond(sample => Math.max(0, sample.queries - sample.hits - sample.misses)) },
      { name: 'failures', ink: 'bad', kind: 'line', value: (sample, interval) => (sample.failures ? sample.failures / interval : null) },
    ],
    summary: (samples, interval) => `Queries a second in the last hour: now ${rate(latest(samples, sample => sample.queries / interval))}, `
      + `at most ${rate(Math.max(0, ...samples.map(sample => sample.queries / interval)))}.`,
  }),
  ratio: new Plot(byId('plot-ratio'), {
    title: 'Hit ratio',
    unit: percent,
    scale: linear(1),
    series: [{ name: 'answered from the cache', ink: 'hit', kind: 'area', value: ratio }],
    summary: samples => `Share of queries answered from the cache in the last hour: now ${percent(latest(samples, ratio))}.`,
  }),
  latency: new Plot(byId('plot-latency'), {
    title: 'Latency',
    unit: time,
    scale: decades,
    series: [
      { name: 'hit p50', ink: 'hit', kind: 'line', value: sample => sample.hit_p50_us },
      { name: 'p99', ink: 'hit', kind: 'tail', value: sample => sample.hit_p99_us },
      { name: 'miss p50', ink: 'miss', kind: 'line', value: sample => sample.miss_p50_us },
      { name: 'p99', ink: 'miss', kind: 'tail', value: sample => sample.miss_p99_us },
    ],
    summary: samples => `Time until an answer in the last hour: hits now ${time(latest(samples, sample => sample.hit_p50_us))}, `
      + `misses ${time(latest(samples, sample => sample.miss_p50_us))}, in the median.`,
  }),
  memory: new Plot(byId('plot-memory'), {
    title: 'Memory of the cache',
    unit: octets,
    scale: values => {
      const most = Math.max(...values, 1);
      return { ticks: [0, most / 2, most], place: value => value / most };
    },
    series: [
      { name: 'used', ink: 'hit', kind: 'area', value: sample => sample.cache_bytes },
      { name: 'limit', ink: 'other', kind: 'tail', value: sample => sample.limit_bytes },
    ],
    summary: samples => `Memory of the cache in the last hour: now ${octets(latest(samples, sample => sample.cache_bytes))} `
      + `of ${octets(latest(samples, sample => sample.limit_bytes))}.`,
  }),
};

// MARK: Figures

let before = null;
let history = { interval_seconds: 10, samples: [] };

function figure(name, value, note, bar) {
  return make('div', {}, make('dt', {}, name), make('dd', {}, value), bar,
    note === undefined ? undefined : make('dd', { className: 'note' }, note));
}

/** The median of a field over the last minutes, each sample weighing as much as it counts. */
function recent(field) {
  const values = history.samples.slice(-30).map(field).filter(value => value !== null && value !== undefined);
  return values.length ? values.sort((left, right) => left - right)[Math.floor(values.length / 2)] : null;
}

function showFigures(status, stats) {
  const now = { at: performance.now(), queries: stats.queries.udp + stats.queries.tcp };
  const pause = before ? (now.at - before.at) / 1000 : 0;
  const speed = before && pause > 0.5 && now.queries >= before.queries ? (now.queries - before.queries) / pause : null;
  before = now;

  const sum = field => history.samples.reduce((total, sample) => total + sample[field], 0);
  const covered = history.samples.length > 1 ? history.samples.length * history.interval_seconds : 0;
  // As long as there is no hour, since the start.
  const [hits, misses] = covered ? [sum('hits'), sum('misses')] : [stats.cache.hits, stats.cache.misses];
  const span = covered ? (covered >= hour - 20 ? 'the last hour' : `the last ${duration(covered)}`) : 'since the start';
  const share = status.cache.bytes / status.cache.limit_bytes;
  const bar = make('dd', { className: 'gauge' }, make('div', { className: share > 0.9 ? 'bar high' : 'bar' }, make('span', { share })));
  byId('figures').replaceChildren(
    figure('Queries a second', rate(speed), `${count(now.queries)} since the start`),
    figure('Hit ratio', percent(hits + misses ? hits / (hits + misses) : null), span),
    figure('Latency of a hit', time(recent(sample => sample.hit_p50_us)), `p99 ${time(recent(sample => sample.hit_p99_us))}, last 5 min`),
    figure('Latency of a miss', time(recent(sample => sample.miss_p50_us)), `p99 ${time(recent(sample => sample.miss_p99_us))}, last 5 min`),
    figure('Names in the cache', count(status.cache.names), `${count(status.cache.records)} records`),
    figure('Memory', octets(status.cache.bytes), `of ${octets(status.cache.limit_bytes)}`, bar));
}

function showState(status, upstreams) {
  setState(...health(upstreams));
  byId('about').textContent = `${status.version} · up ${duration(status.uptime_seconds)} · ${status.listening.join(' · ')}`;
}

/** Green only when an upstream has answered, and none fails. */
function health(upstreams) {
  const up = upstreams.filter(one => one.state === 'up');
  if (up.length === 0) {
    return upstreams.some(one => one.state === 'probing') ? ['probing', 'No upstream answers yet'] : ['down', 'No upstream answers'];
  }
  if (up.length < upstreams.length) return ['probing', `${upstreams.length - up.length} of ${upstreams.length} upstreams silent`];
  return up.some(one => one.replies > 0) ? ['up', 'All upstreams answer'] : ['unknown', 'No upstream has been asked yet'];
}

function setState(state, sentence) {
  const place = byId('state');
  place.className = `state ${state}`;
  if (place.textContent !== sentence) place.textContent = sentence;
}

const stateWords = { up: 'answers', probing: 'being tried', down: 'silent' };

function showUpstreams(upstreams) {
  const cell = (label, value, className) => make('td', { className, 'data-label': label }, value);
  const number = (label, value) => cell(label, value, 'number');
  byId('upstreams').replaceChildren(...upstreams.map(one => make('tr', {},
    cell('Address', one.address, 'mono'),
    cell('State', make('span', { className: `state ${one.state}` }, stateWords[one.state] ?? one.state)),
    number('Round trip', one.rtt_ms === null ? unknown : `${one.rtt_ms} ms`), number('In flight', count(one.inflight)),
    number('Queries', count(one.queries)), number('Timeouts', count(one.timeouts)), number('Errors', count(one.errors)),
    cell('Last failure', one.last_failure ? `${one.last_failure}, ${ago(one.last_failure_ms / 1000)}` : unknown, 'wrap'))));
}

function showTop(list, rows) {
  const most = Math.max(1, ...rows.map(row => row.count));
  byId(`top-${list}`).replaceChildren(...(rows.length
    ? rows.map(row => make('li', { share: row.count / most },
      make('span', { className: 'what' },
        row.name ? link(row.name, row.type) : make('span', { className: row.host ? '' : 'mono', title: row.client }, row.host ?? row.client),
        row.host ? make('small', { className: 'mono' }, row.client) : undefined,
        row.type ? make('span', { className: 'kind' }, row.type) : undefined,
        row.reason ? make('small', {}, row.reason) : undefined),
      make('span', { title: row.at_least < row.at_most ? `${plain.format(row.at_least)} to ${plain.format(row.at_most)}` : '' }, count(row.count))))
    : [make('li', { className: 'none' }, list === 'failures' ? 'None' : 'Nobody has asked yet')]));
}

// MARK: The explorer

/** The address of the page that shows what is known of a name or an address. */
const place = (what, type) => `#${encodeURIComponent(what)}${type ? `/${encodeURIComponent(type)}` : ''}`;
const link = (what, type) => make('a', { href: place(what, type), title: shown(what) }, shown(what));
const isAddress = what => /^[0-9.]+$/.test(what) && what.split('.').length === 4 || what.includes(':');

/** What the page's own address asks to be shown; nothing most of the time. */
function wanted() {
  const [what, type] = location.hash.slice(1).split('/').map(part => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  return what ? { what, type: type || 'A' } : null;
}

let shownLast = 0;

async function explore() {
  const found = byId('found');
  const wish = wanted();
  const turn = ++shownLast;
  if (!wish) {
    found.hidden = true;
    return;
  }
  byId('what').value = shown(wish.what);
  const types = byId('type');
  if (![...types.options].some(option => option.value === wish.type)) types.add(new Option(wish.type));
  types.value = wish.type;
  let content;
  try {
    content = isAddress(wish.what) ? await addressStory(wish.what) : await nameStory(wish.what, wish.type);
  } catch (error) {
    content = [make('p', { className: 'problem' }, error.message)];
  }
  // Somebody asked for something else meanwhile.
  if (turn !== shownLast) return;
  found.replaceChildren(...content);
  found.hidden = false;
}

async function addressStory(address) {
  const rows = await ask(`cache/names?address=${encodeURIComponent(address)}`);
  const names = rows.filter(row => row.name);
  const heading = names.length === 0 ? `No name in the cache has ${address}` : `${count(names.length)} ${names.length === 1 ? 'name has' : 'names have'} ${address}`;
  return [
    make('div', { className: 'found-head' }, make('h2', {}, heading), closeButton()),
    names.length ? make('ul', { className: 'names' }, ...names.map(row => make('li', {}, link(row.name)))) : undefined,
    rows.some(row => row.more) ? make('p', { className: 'quiet' }, 'And more; only these are shown.') : undefined,
  ].filter(Boolean);
}

async function nameStory(name, type) {
  const story = await ask(`explain/${encodeURIComponent(name)}?type=${encodeURIComponent(type)}`);
  const parts = [
    make('div', { className: 'found-head' },
      make('h2', {}, shown(story.name), ' ', make('span', { className: 'quiet' }, story.type)),
      flushButton('Flush', story.name, ''), flushButton('Flush all below', story.name, '&tree=1'), closeButton()),
    make('p', { className: 'answer' }, story.answer.text),
  ];
  parts.push(story.cached.length
    ? make('div', { className: 'sets' }, ...story.cached.map(setStory))
    : make('p', { className: 'quiet' }, 'Nothing is in the cache.'));
  const facts = [
    list('Rules that touch it', story.rules.map(rule => rule.text)),
    list('Failures', story.failures.map(failureText)),
    list('Who would be asked', story.would_ask.map(one =>
      `${one.turn ? `${one.turn}: ` : ''}${one.upstream}, ${stateWords[one.state] ?? one.state}${one.rtt === null ? '' : `, ${one.rtt} ms`}`)),
  ].filter(Boolean);
  if (facts.length) parts.push(make('div', { className: 'facts' }, ...facts));
  return parts;
}

function failureText(failure) {
  const row = failure.in_a_row > 1 ? `, ${failure.in_a_row} times in a row` : '';
  return `${failure.type}: ${failure.reason}, ${ago(failure.age_ms / 1000)}${row}`;
}

function setStory(set) {
  const what = set.kind === 'records' ? `${shown(set.name)} ${set.type}`
    : set.kind === 'nodata' ? `${shown(set.name)} has no ${set.type}` : `${shown(set.name)} does not exist`;
  const isStale = set.stale !== null && set.stale !== undefined;
  const data = (set.data ?? []).map(text => make('div', { className: 'data mono' },
    set.type === 'A' || set.type === 'AAAA' ? link(text) : text));
  const more = set.records > data.length ? `and ${set.records - data.length} more` : undefined;
  const age = Math.max(0, Date.now() / 1000 - set.since);
  const facts = [
    isStale ? `expired ${ago(set.stale)}` : `good for ${duration(set.left)} of ${duration(set.ttl)}`,
    `came ${ago(age)}${set.upstream ? ` from ${set.upstream}` : ''}`,
    `section ${set.section}`, `rank ${set.rank}`, set.flags,
  ].filter(Boolean);
  return make('div', { className: `set ${isStale ? 'stale' : set.used ? 'used' : ''}` },
    make('h3', {}, what), ...data, more,
    make('p', { className: 'quiet', title: `from ${moment(set.since)} until ${moment(set.until)}` }, facts.join(' · ')));
}

function list(title, texts) {
  if (!texts.length) return undefined;
  return make('div', {}, make('h3', {}, title), make('ul', {}, ...texts.map(text => make('li', {}, text))));
}

function closeButton() {
  return make('button', { className: 'plain', type: 'button', on: { click: () => { location.hash = ''; byId('what').focus(); } } }, 'Close');
}

/** A button that wants to be pressed twice. */
function flushButton(words, name, more) {
  const button = make('button', { className: 'plain', type: 'button' }, words);
  const calm = () => {
    button.classList.remove('sure');
    button.textContent = words;
  };
  button.addEventListener('blur', calm);
  button.addEventListener('click', async () => {
    if (!button.classList.contains('sure')) {
      button.classList.add('sure');
      button.textContent = more ? `Forget ${shown(name)} and all below?` : `Forget ${shown(name)}?`;
      return;
    }
    calm();
    try {
      const result = await ask(`cache/flush?name=${encodeURIComponent(name)}${more}`, 'POST');
      await explore();
      byId('found').prepend(make('p', { role: 'status' }, `${count(result.removed)} removed.`));
    } catch (error) {
      byId('found').prepend(make('p', { className: 'problem', role: 'alert' }, error.message));
    }
  });
  return button;
}

byId('explore').addEventListener('submit', event => {
  event.preventDefault();
  const [what, type] = byId('what').value.trim().split(/\s+/);
  if (!what) return;
  const next = place(what, isAddress(what) ? null : (type ?? byId('type').value).toUpperCase());
  if (next === location.hash) explore();
  else location.hash = next;
});
byId('type').addEventListener('change', () => {
  if (wanted() && byId('what').value) byId('explore').requestSubmit();
});
addEventListener('hashchange', explore);

// MARK: Going on

/** Shows what is new; as long as nobody looks, nothing is asked. */
async function update() {
  try {
    const [status, stats, upstreams] = await Promise.all([ask('status'), ask('stats'), ask('upstreams')]);
    if (Date.now() - lastSlow > 9_500) await updateSlow();
    showFigures(status, stats);
    showState(status, upstreams);
    showUpstreams(upstreams);
    document.body.classList.remove('lost');
    document.body.dataset.ready = 'yes';
  } catch (error) {
    // Our own mistakes are to be found, not to be taken for the server's silence.
    if (!(error instanceof TypeError && /fetch|network|load/i.test(error.message)) && !(error instanceof Refused)) console.error(error);
    setState('down', error instanceof Refused ? error.message : 'The server cannot be reached; trying again');
    document.body.classList.add('lost');
    before = null;
  }
}

let lastSlow = 0;

async function updateSlow() {
  const lists = ['names', 'clients', 'failures'];
  const [past, ...tops] = await Promise.all([
    ask('history'), ...lists.map(list => ask(`top/${list}?count=10`))]);
  lastSlow = Date.now();
  history = past;
  for (const plot of Object.values(plots)) plot.show(history.samples, history.interval_seconds);
  lists.forEach((list, index) => showTop(list, tops[index].top));
}

const pause = () => new Promise(resolve => setTimeout(resolve, 2_000));
const looked = () => new Promise(resolve => {
  if (!document.hidden) resolve();
  else document.addEventListener('visibilitychange', resolve, { once: true });
});

explore();
for (;;) {
  await looked();
  await update();
  await pause();
}
