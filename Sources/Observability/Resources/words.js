// Elements, and words for numbers. What comes from the network becomes text, never markup.

// MARK: Elements

const byId = id => document.getElementById(id);

/** Makes an element; children that are not elements become text. */
function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key === 'on') for (const [event, call] of Object.entries(value)) element.addEventListener(event, call);
    else if (key === 'share') element.style.setProperty('--share', `${100 * value}%`);
    else if (key in element && key !== 'list') element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter(child => child !== undefined && child !== null));
  return element;
}

function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// MARK: Words for numbers

const unknown = '–';
const plain = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

function count(value) {
  if (value === null || value === undefined) return unknown;
  if (value < 10_000) return plain.format(value);
  for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e3]]) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  }
}

function rate(value) {
  if (value === null || value === undefined) return unknown;
  return value < 10 ? `${Number(value.toFixed(1))}` : count(value);
}

function percent(share) {
  if (share === null || share === undefined || Number.isNaN(share)) return unknown;
  const value = 100 * share;
  return `${value >= 99.95 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1)} %`;
}

function octets(value) {
  if (value === null || value === undefined) return unknown;
  for (const [unit, size] of [['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]]) {
    if (value >= 0.9995 * size) return `${(value / size).toFixed(value / size < 9.95 ? 1 : 0)} ${unit}`;
  }
  return `${value} B`;
}

function time(microseconds) {
  if (microseconds === null || microseconds === undefined) return unknown;
  for (const [unit, size] of [['s', 1e6], ['ms', 1e3]]) {
    if (microseconds >= size) return `${Number((microseconds / size).toPrecision(3))} ${unit}`;
  }
  return `${Number(microseconds.toPrecision(3))} µs`;
}

function duration(seconds) {
  const parts = [['d', 86_400], ['h', 3600], ['min', 60], ['s', 1]];
  const first = parts.findIndex(([, size]) => seconds >= size);
  if (first < 0) return '0 s';
  let rest = Math.floor(seconds);
  return parts.slice(first, first + 2).map(([unit, size]) => {
    const number = Math.floor(rest / size);
    rest -= number * size;
    return number ? `${number} ${unit}` : '';
  }).filter(Boolean).join(' ');
}

const ago = seconds => (seconds < 1 ? 'just now' : `${duration(seconds)} ago`);

const clock = seconds =>
  new Date(1000 * seconds).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
const moment = seconds => new Date(1000 * seconds).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** A name without its last dot, as people write it. */
const shown = name => (name.length > 1 && name.endsWith('.') && !name.endsWith('\\.') ? name.slice(0, -1) : name);
