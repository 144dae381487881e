// A parked write as a card: exactly what will be sent, yes and no, and the time that is left for it.
import {computed, defineComponent, h, onBeforeUnmount, ref} from '../vendor/vue/vue.runtime.esm-browser.prod.js';
import {icon} from './icons.js';
import {answer} from './session.js';
import {say} from './words.js';

const clock = seconds => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;

export const Approval = defineComponent({
  props: {approval: Object},
  setup(props) {
    const left = ref(0);
    const count = () => { left.value = Math.max(0, Math.ceil((Date.parse(props.approval.expires_at) - Date.now()) / 1000)); };
    count();
    const timer = setInterval(count, 1000);
    onBeforeUnmount(() => clearInterval(timer));
    const state = computed(() => (props.approval.state === 'pending' && left.value === 0 ? 'expired' : props.approval.state));
    return () => {
      const {approval_id, summary, arguments: lines} = props.approval;
      return h('section', {class: ['panel', 'approval', state.value], 'aria-labelledby': `approval-${approval_id}`}, [
        h('header', [icon('shield'), h('h2', {id: `approval-${approval_id}`}, summary),
          state.value === 'pending' && h('span', {class: 'left'}, say('left', clock(left.value)))]),
        h('dl', {class: 'facts'}, lines.flatMap(({label, text}) => [h('dt', label), h('dd', text)])),
        state.value === 'pending'
          ? h('div', {class: 'decide'}, [
            h('button', {type: 'button', class: 'primary', onClick: () => answer(props.approval, true)}, say('confirm')),
            h('button', {type: 'button', class: 'quiet', onClick: () => answer(props.approval, false)}, say('cancel')),
          ])
          : h('p', {class: 'decided'}, [state.value === 'approved' && icon('check'), say(state.value)]),
      ]);
    };
  },
});
