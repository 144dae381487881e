// The bubble of an answer: Markdown, typed, and folded where data beside it say the same.
import {computed, defineComponent, h, onMounted, ref, watch} from '../vendor/vue/vue.runtime.esm-browser.prod.js';
import {brief, elements} from './markdown.js';
import {typed} from './typewriter.js';
import {say} from './words.js';

const Rich = defineComponent({
  props: {text: String},
  setup(props) {
    const root = ref();
    const render = () => root.value?.replaceChildren(elements(props.text));
    onMounted(render);
    watch(() => props.text, render, {flush: 'post'});
    return () => h('div', {ref: root, class: 'rich'});
  },
});

export const Bubble = defineComponent({
  props: {answer: Object},
  setup(props) {
    const shown = typed(() => props.answer.content, () => props.answer.instant);
    const unfolded = ref(false);
    const beside = computed(() => props.answer.approval || props.answer.data.some(({payload}) => (payload.rows ?? payload.fields)?.length > 3));
    const short = computed(() => (beside.value ? brief(shown.value, writing.value) : shown.value));
    const folds = computed(() => short.value !== shown.value);
    const writing = computed(() => shown.value !== props.answer.content || (props.answer.running && shown.value !== ''));
    return () => shown.value && h('div', {class: ['bubble', writing.value && 'writing'], 'aria-busy': writing.value ? 'true' : null}, [
      h(Rich, {text: unfolded.value ? shown.value : short.value}),
      folds.value && !writing.value && h('button', {
        class: 'fold', type: 'button', 'aria-expanded': String(unfolded.value), onClick: () => { unfolded.value = !unfolded.value; },
      }, say(unfolded.value ? 'collapse' : 'expand')),
    ]);
  },
});
