// A small bar chart as inline SVG. Its values can be read: as its name, and on each bar.
import {h} from '../vendor/vue/vue.runtime.esm-browser.prod.js';
import {say} from './words.js';

const HEIGHT = 96, BASE = 78;

const short = x => (/^\d{4}-\d{2}/.test(x) ? x.slice(5, 7).replace(/^0/, '') : x.slice(0, 4));

/**
 * @param {{title: string, bars: {x: string, value: number, text: string, tone: number}[], legend: any[]}} chart
 * @param {boolean} narrow
 */
export function chart({title, bars, legend}, narrow) {
  const step = narrow ? Math.max(24, 330 / bars.length) : Math.max(30, 700 / bars.length);
  const wide = Math.min(34, step * 0.54);
  const highest = Math.max(...bars.map(({value}) => value), 0) || 1;
  const said = bars.map(({x, text}) => `${x} ${text}`).join(', ');
  return h('figure', {class: 'chart'}, [
    h('figcaption', [h('span', title), legend.length > 1 && h('span', {class: 'legend'},
      legend.map(({text, tone}) => h('span', [h('i', {class: `tone-${tone}`}), text])))]),
    h('svg', {viewBox: `0 0 ${bars.length * step} ${HEIGHT}`, role: 'img', 'aria-label': say('chart', title, said)}, [
      h('line', {class: 'axis', x1: 0, x2: bars.length * step, y1: BASE + 0.5, y2: BASE + 0.5}),
      ...bars.map(({x, value, text, tone}, place) => {
        const tall = Math.max(2, (Math.max(0, value) / highest) * (BASE - 8));
        const left = place * step + (step - wide) / 2;
        return h('g', [
          h('title', `${x} ${text}`),
          h('rect', {class: `tone-${tone}`, x: left, y: BASE - tall, width: wide, height: tall, rx: 3}),
          h('text', {x: place * step + step / 2, y: HEIGHT - 4}, short(x)),
        ]);
      }),
    ]),
  ]);
}
