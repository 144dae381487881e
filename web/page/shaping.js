// How a table is best shown, judged by its form alone: kinds, names of ids, what varies. Pure; `data.js` draws it.

// A text of this name names a record: it is there for who asks, and in nobody's way.
const ID = /(Id|ID|_id|No|_no|Code|_code)$|^(id|no|code|key)$/;
// What a state is called by convention; where nothing is, the first column of codes is taken for one.
const STATE = /(status|state)$/i;
const DETAILS = 3;
const COLUMNS = 6;
const MONTH = /^\d{4}-\d{2}$/;

const texts = (rows, key) => rows.map(row => row[key]?.text ?? '');
const number = cell => Number.parseFloat(String(cell?.value ?? cell?.text ?? '').replace(/[^\d.-]/g, ''));

/** An amount of nothing. */
export const nothing = cell => number(cell) === 0;

/**
 * `common` says once what all rows have; `lead`, `badge`, `side` and `details` are the parts of a row on a phone;
 * `columns` those of a table; a chart where the rows are amounts along months.
 */
export function shape({columns, rows}) {
  const told = columns.filter(({key, kind}) => rows.some(row => (kind === 'money' ? number(row[key]) !== 0 : row[key]?.text)));
  const constant = ({key, kind}) => rows.length > 1 && kind !== 'money' && new Set(texts(rows, key)).size === 1;
  const common = told.filter(column => constant(column) && !ID.test(column.key.split('.').at(-1))).map(({label, key}) => ({label, text: rows[0][key].text}));
  const useful = told.filter(column => !constant(column));
  const open = useful.filter(({key, kind}) => kind !== 'text' || !ID.test(key.split('.').at(-1)));
  const lead = open.find(({kind}) => kind === 'text') ?? open.find(({kind}) => kind === 'date') ?? useful[0] ?? columns[0];
  const codes = open.filter(column => column.kind === 'enum' && column !== lead);
  const badge = codes.find(({key}) => STATE.test(key)) ?? codes[0];
  const side = open.find(column => column.kind === 'money' && column !== lead);
  const own = ({key}) => !key.includes('.'); // not a field of an object inside the row
  const others = [codes.find(column => column !== badge), open.find(({kind}) => kind === 'date'), ...open.filter(own), ...open];
  const first = [...new Set([lead, badge, side, ...others].filter(Boolean))];
  const shown = first.slice(0, COLUMNS);
  const details = open.filter(column => first.slice(first.indexOf(side ?? badge ?? lead) + 1, COLUMNS).includes(column)).slice(0, DETAILS);
  return {common, lead, badge, side, details, columns: columns.filter(column => shown.includes(column)), chart: chartOf(open, rows, side, badge)};
}

/** Bars along months, each of the tone of its row's state: the most frequent state is the quiet one. */
function chartOf(columns, rows, side, badge) {
  const when = columns.find(({key, kind}) => kind === 'date' && texts(rows, key).every(text => MONTH.test(text)));
  if (!when || !side || rows.length < 3 || new Set(texts(rows, when.key)).size !== rows.length) return null;
  const sorted = [...rows].sort((a, b) => (a[when.key].text < b[when.key].text ? -1 : 1));
  const counts = Map.groupBy ? Map.groupBy(sorted, row => row[badge?.key]?.text ?? '') : grouped(sorted, badge);
  const tones = [...counts].sort(([, a], [, b]) => b.length - a.length).map(([text]) => text);
  const bars = sorted.map(row => ({
    x: row[when.key].text, value: number(row[side.key]), text: row[side.key].text, tone: Math.min(3, tones.indexOf(row[badge?.key]?.text ?? '')),
  }));
  return {title: side.label, bars, legend: badge ? tones.map((text, place) => ({text, tone: Math.min(3, place)})) : []};
}

function grouped(rows, badge) {
  const groups = new Map();
  for (const row of rows) {
    const text = row[badge?.key]?.text ?? '';
    groups.set(text, [...(groups.get(text) ?? []), row]);
  }
  return groups;
}

/** A chart that the gateway sent, as bars: its first series. */
export function barsOf({title, x, series: [first]}) {
  const bars = x.map((label, place) => ({x: label, value: first.values[place] ?? 0, text: first.values[place] === null ? '' : `${first.values[place]} ${first.unit}`, tone: 0}));
  return {title: first.label || title, bars, legend: []};
}

/** Rows by the value of a column, and not by how it reads. */
export function sorted(rows, {key, kind}, descending) {
  const value = row => (kind === 'money' || kind === 'number' ? number(row[key]) : String(row[key]?.value ?? ''));
  const ordered = [...rows].sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0));
  return descending ? ordered.reverse() : ordered;
}
