// Where a question is written: text, photos, send, and stop while an answer is under way.
import {computed, defineComponent, h, nextTick, ref} from '../vendor/vue/vue.runtime.esm-browser.prod.js';
import {suggested} from './conversation.js';
import {icon} from './icons.js';
import {addPhoto, ask, photosAllowed, state, stop} from './session.js';
import {say} from './words.js';

export const Composer = defineComponent({
  setup() {
    const text = ref('');
    const field = ref(), picker = ref();
    const photos = ref([]);
    const uploading = ref(0);
    const problem = ref('');
    const running = computed(() => state.messages.some(message => message.running));
    const longest = () => state.limits?.max_query_chars ?? 4000;
    const grow = () => {
      field.value.style.height = 'auto';
      field.value.style.height = `${Math.min(field.value.scrollHeight, 160)}px`;
    };
    const send = async () => {
      const words = text.value.trim();
      if (!words || uploading.value) return;
      ask(words, photos.value);
      Object.assign(text, {value: ''});
      photos.value = [];
      problem.value = '';
      await nextTick();
      grow();
    };
    const onKey = event => {
      // isComposing: this Enter chooses a word in a Chinese input method and is not meant for us
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      send();
    };
    const pick = async ({target}) => {
      const files = [...target.files];
      target.value = '';
      problem.value = files.length + photos.value.length > photosAllowed() ? say('tooMany', photosAllowed()) : '';
      for (const file of files.slice(0, photosAllowed() - photos.value.length)) {
        uploading.value += 1;
        try {
          const added = await addPhoto(file);
          if (added) photos.value.push(added);
        } catch (error) {
          problem.value = error.message || say('uploadFailed');
        } finally {
          uploading.value -= 1;
        }
      }
    };
    const chips = () => suggested.value.map(({questions}) => questions[0]);
    return () => h('form', {class: 'composer', onSubmit: event => { event.preventDefault(); send(); }}, [
      state.loggedIn && state.messages.length > 0 && !running.value && chips().length > 0 && h('div', {class: 'chips', role: 'group', 'aria-label': say('try')},
        chips().map(words => h('button', {type: 'button', class: 'chip', onClick: () => ask(words)}, words))),
      problem.value && h('p', {class: 'failure', role: 'alert'}, problem.value),
      (photos.value.length > 0 || uploading.value > 0) && h('div', {class: 'photos'}, [
        ...photos.value.map(({id, url}, place) => h('span', {key: id, class: 'thumb'}, [
          h('img', {src: url, alt: say('photoOf', place + 1)}),
          h('button', {type: 'button', 'aria-label': say('remove'), onClick: () => photos.value.splice(place, 1)}, icon('cross')),
        ])),
        uploading.value > 0 && h('span', {class: 'note', role: 'status'}, [h('i', {class: 'spinner'}), say('uploading')]),
      ]),
      h('div', {class: 'field'}, [
        photosAllowed() > 0 && h('button', {type: 'button', class: 'round', 'aria-label': say('photo'), title: say('photo'), disabled: photos.value.length >= photosAllowed(), onClick: () => picker.value.click()}, icon('photo')),
        photosAllowed() > 0 && h('input', {ref: picker, hidden: true, type: 'file', multiple: true, accept: state.limits.attachments.types.join(','), onChange: pick}),
        h('textarea', {
          ref: field, id: 'question', rows: 1, enterkeyhint: 'send', 'aria-label': say('message'), placeholder: say('placeholder'), maxlength: longest(),
          value: text.value, onInput: ({target}) => { text.value = target.value; grow(); }, onKeydown: onKey,
        }),
        running.value && !text.value.trim()
          ? h('button', {type: 'button', class: 'round primary stop', 'aria-label': say('stop'), title: say('stop'), onClick: stop}, icon('stop'))
          : h('button', {type: 'submit', class: 'round primary', 'aria-label': say('send'), title: say('send'), disabled: !text.value.trim() || uploading.value > 0}, icon('send')),
      ]),
    ]);
  },
});
