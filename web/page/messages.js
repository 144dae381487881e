// The messages: a question with its photos, an answer with its steps, text, data, approval and what can be done with it.
import {defineComponent, h, ref} from '../vendor/vue/vue.runtime.esm-browser.prod.js';
import {Approval} from './approval.js';
import {Bubble} from './bubble.js';
import {panel} from './data.js';
import {icon} from './icons.js';
import {openLogin} from './login.js';
import {rate, retry} from './session.js';
import {language, say} from './words.js';

export function question({text, photos}) {
  return h('article', {class: 'message user', 'aria-label': say('you')}, [
    photos.length > 0 && h('div', {class: 'photos'}, photos.map((src, place) => h('img', {src, alt: say('photoOf', place + 1)}))),
    h('div', {class: 'bubble'}, text),
  ]);
}

const took = ms => (ms >= 1000 ? say('seconds', (ms / 1000).toFixed(1)) : say('milliseconds', Math.round(ms)));

/** What the assistant does and did: `正在查询账单…`, then done, with the time that it took. */
function steps({steps: list}) {
  return list.length > 0 && h('ul', {class: 'steps'}, list.map(({id, message, done, duration_ms}) => h('li', {key: id, class: done ? 'done' : 'busy'}, [
    done ? icon('check') : h('i', {class: 'spinner'}),
    h('span', message),
    done && duration_ms > 0 && h('span', {class: 'took'}, took(duration_ms)),
  ])));
}

const waits = answer => answer.running && !answer.content && answer.steps.every(({done}) => done);

export const Answer = defineComponent({
  props: {answer: Object, last: Boolean},
  setup(props) {
    const copied = ref(false);
    const copy = async () => {
      await toClipboard(props.answer.content);
      copied.value = true;
      setTimeout(() => { copied.value = false; }, 2000);
    };
    return () => {
      const {answer} = props;
      return h('article', {class: 'message assistant', 'aria-label': say('assistant')}, [
        steps(answer),
        waits(answer) && h('p', {class: 'thinking'}, [h('span', {class: 'dots'}, [h('i'), h('i'), h('i')]), say('thinking')]),
        h(Bubble, {answer}),
        ...answer.data.map(panel),
        answer.approval && h(Approval, {approval: answer.approval}),
        answer.error && h('p', {class: 'failure', role: 'alert'}, answer.error.content),
        answer.outcome === 'cancelled' && h('p', {class: 'note'}, say('cancelled')),
        !answer.running && actions(answer, props.last, copied.value, copy),
      ]);
    };
  },
});

function actions(answer, last, copied, copy) {
  const button = (name, label, act, pressed) => h('button', {type: 'button', class: 'action', 'aria-label': label, title: label, 'aria-pressed': pressed, onClick: act}, icon(name));
  const rated = answer.turn_id && !answer.error;
  return h('div', {class: 'actions', role: 'group'}, [
    answer.content && button(copied ? 'check' : 'copy', say(copied ? 'copied' : 'copy'), copy),
    rated && button('good', say('good'), () => rate(answer, 1), String(answer.score === 1)),
    rated && button('bad', say('bad'), () => rate(answer, -1), String(answer.score === -1)),
    last && answer.question && (answer.error || answer.outcome === 'cancelled') &&
      h('button', {type: 'button', class: 'chip', onClick: () => retry(answer)}, [icon('retry'), say('retry')]),
    last && answer.outcome === 'login_required' && h('button', {type: 'button', class: 'chip', onClick: openLogin}, [icon('user'), say('login')]),
    answer.score !== 0 && h('span', {class: 'note', lang: say('lang'), key: language.locale}, say('thanks')),
  ]);
}

/** Also where a page over plain HTTP has no clipboard. */
async function toClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'hidden';
  document.body.append(field);
  field.select();
  document.execCommand('copy');
  field.remove();
}
