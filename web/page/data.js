// What a tool returned: a table (on a phone a list whose rows open), a card, a chart. `shaping.js` says how.
import {computed, defineComponent, h, ref} from '../vendor/vue/vue.runtime.esm-browser.prod.js';
import {chart} from './chart.js';
import {icon} from './icons.js';
import {ask} from './session.js';
import {barsOf, nothing, shape, sorted} from './shaping.js';
import {say} from './words.js';

const FIRST = 6;
const narrow = ref(true);
const query = matchMedia('(min-width: 720px)');
const measure = () => { narrow.value = !query.matches; };
query.addEventListener('change', measure);
measure();

const facts = pairs => h('dl', {class: 'facts'}, pairs.flatMap(({label, text}) => [h('dt', label), h('dd', text)]));
const badge = (cell, muted) => cell?.text && h('span', {class: ['badge', muted && 'muted']}, cell.text);

const Table = defineComponent({
  props: {table: Object},
  setup(props) {
    const shaped = computed(() => shape(props.table));
    const all = ref(false), wide = ref(false);
    const order = ref(null);
    const usual = computed(() => frequent(props.table.rows, shaped.value.badge));
    const rows = computed(() => {
      const ordered = order.value ? sorted(props.table.rows, order.value.column, order.value.descending) : props.table.rows;
      return all.value ? ordered : ordered.slice(0, FIRST);
    });
    const by = column => { order.value = {column, descending: order.value?.column === column && !order.value.descending}; };
    return () => h('section', {class: 'panel data', 'aria-label': props.table.title}, [
      h('header', [h('h2', props.table.title), h('span', {class: 'count'}, counted(props.table))]),
      shaped.value.common.length > 0 && h('p', {class: 'common'}, shaped.value.common.map(({text, label}) => h('span', {title: label}, text))),
      shaped.value.chart && chart(shaped.value.chart, narrow.value),
      narrow.value ? list(rows.value, shaped.value, props.table, usual.value) : grid(rows.value, wide.value ? props.table.columns : shaped.value.columns, order.value, by, shaped.value, usual.value),
      h('footer', [
        props.table.rows.length > FIRST && toggle(all, say('all', props.table.rows.length)),
        !narrow.value && shaped.value.columns.length < props.table.columns.length && toggle(wide, say('columns')),
        (props.table.total === null || props.table.total > props.table.shown) &&
          h('button', {type: 'button', class: 'chip', onClick: () => ask(say('next'))}, say('next')),
      ]),
    ]);
  },
});

const counted = ({shown, total}) => (total === null ? say('rowsMore', shown) : say('rows', shown, total));

function toggle(flag, words) {
  return h('button', {type: 'button', class: 'chip', 'aria-expanded': String(flag.value), onClick: () => { flag.value = !flag.value; }}, flag.value ? say('fewer') : words);
}

/** What a badge mostly says is said quietly. */
function frequent(rows, column) {
  const counts = new Map();
  for (const row of rows) counts.set(row[column?.key]?.text, (counts.get(row[column?.key]?.text) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
}

function list(rows, {lead, badge: state, side, details}, {columns}, usual) {
  return h('ul', {class: 'rows'}, rows.map(row => h('li', h('details', [
    h('summary', [
      h('span', {class: 'lead'}, [row[lead.key]?.text || '–', state && badge(row[state.key], row[state.key].text === usual)]),
      side && h('span', {class: ['side', nothing(row[side.key]) && 'zero']}, row[side.key]?.text),
      h('span', {class: 'more'}, details.filter(({key, kind}) => row[key]?.text && !(kind === 'money' && nothing(row[key])))
        .map(({label, key, kind}) => h('span', kind === 'enum' ? row[key].text : `${label.split(' · ').at(-1)} ${row[key].text}`))),
      icon('chevron'),
    ]),
    facts(columns.filter(({key}) => row[key]?.text).map(({label, key}) => ({label, text: row[key].text}))),
  ]))));
}

function grid(rows, columns, order, by, {badge: state}, usual) {
  const right = kind => (kind === 'money' || kind === 'number' ? 'number' : null);
  const direction = column => (order?.column !== column ? null : order.descending ? 'descending' : 'ascending');
  return h('div', {class: 'scroll', tabindex: 0, role: 'group'}, h('table', [
    h('thead', h('tr', columns.map(column => h('th', {scope: 'col', class: right(column.kind), 'aria-sort': direction(column)},
      h('button', {type: 'button', title: say('sort', column.label), onClick: () => by(column)}, column.label))))),
    h('tbody', rows.map(row => h('tr', columns.map(column => h('td', {class: [right(column.kind), column.kind, column.kind === 'money' && nothing(row[column.key]) && 'zero']},
      column === state ? badge(row[column.key], row[column.key]?.text === usual) : row[column.key]?.text))))),
  ]));
}

function card({title, fields}) {
  const [first, ...others] = fields;
  const large = /^[\d.,\s]+\S{0,3}$/.test(first?.text ?? '');
  return h('section', {class: 'panel data card', 'aria-label': title}, [
    h('header', h('h2', title)),
    large && h('p', {class: 'large'}, [h('span', first.label), h('strong', first.text)]),
    facts(large ? others : fields),
  ]);
}

/** @param {{kind: 'table' | 'card' | 'chart', payload: any}} data */
export function panel({kind, payload, key}) {
  if (kind === 'table') return h(Table, {key, table: payload});
  if (kind === 'card') return card(payload);
  if (kind === 'chart') return h('section', {class: 'panel data', 'aria-label': payload.title}, [h('header', h('h2', payload.title)), chart(barsOf(payload), narrow.value)]);
  return null;
}
