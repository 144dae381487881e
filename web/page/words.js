// The page's own words, Chinese and English. What the gateway says comes localised already.
import {reactive} from '../vendor/vue/vue.runtime.esm-browser.prod.js';

const WORDS = {
  zh: {
    lang: 'zh-CN', other: 'English', sign: 'EN', otherLang: 'en',
    greeting: name => `您好，我是${name}`,
    introduction: ['想查什么、想办什么，直接说就好。', '要提交的内容会先给您看，您确认了才会提交。'],
    try: '可以这样问', more: '换一批',
    placeholder: '输入问题…', message: '您的问题', send: '发送', stop: '停止回答', photo: '添加照片', remove: '移除照片',
    conversation: '对话', menu: '常用问题',
    connecting: '正在连接…', open: '已连接', waiting: '连接断开，正在重连…', closed: '未连接', reconnect: '重新连接',
    thinking: '正在思考…', writing: '正在回答…',
    copy: '复制', copied: '已复制', good: '有帮助', bad: '没有帮助', thanks: '感谢反馈', retry: '重试',
    cancelled: '已停止', interrupted: '回答没有完成',
    expand: '展开全文', collapse: '收起',
    rows: (shown, total) => total > shown ? `显示 ${shown} 条，共 ${total} 条` : `共 ${shown} 条`,
    rowsMore: shown => `显示 ${shown} 条，可能还有更多`,
    all: count => `查看全部 ${count} 条`, columns: '全部列', fewer: '收起', next: '下一页', sort: label => `按${label}排序`,
    chart: (title, said) => `${title}：${said}`,
    approval: '请您确认', confirm: '确认', cancel: '取消', left: time => `${time} 内有效`,
    expired: '已过确认时间，没有提交', approved: '您已确认', declined: '您已取消', settled: '已处理', nothing: '未指定',
    login: '登录', logout: '退出登录', account: '账号', user: '住户编号', token: '登录凭证',
    loginHint: '登录后可以查询您自己的信息、办理业务。', loginWhy: '请填写物业给您的住户编号和登录凭证。',
    demo: '使用演示账号', loggedIn: user => `已登录：${user}`, close: '关闭', refused: '登录没有成功',
    light: '浅色', dark: '深色', theme: '切换深浅色', skip: '跳到输入框', bottom: '回到最新',
    uploading: '正在上传照片…', uploadFailed: '照片上传失败', tooMany: max => `最多 ${max} 张照片`, photoOf: n => `照片 ${n}`,
    seconds: s => `${s} 秒`, milliseconds: ms => `${ms} 毫秒`, you: '您', assistant: '助手', fresh: '新对话',
  },
  en: {
    lang: 'en', other: '中文', sign: '中', otherLang: 'zh-CN',
    greeting: name => `Hello, I am ${name}`,
    introduction: ['Just ask, in your own words.', 'What I would submit is shown to you first, and sent only after your yes.'],
    try: 'You could ask', more: 'Others',
    placeholder: 'Ask a question…', message: 'Your question', send: 'Send', stop: 'Stop', photo: 'Add photos', remove: 'Remove photo',
    conversation: 'Conversation', menu: 'Common questions',
    connecting: 'Connecting…', open: 'Connected', waiting: 'Connection lost, reconnecting…', closed: 'Not connected', reconnect: 'Reconnect',
    thinking: 'Thinking…', writing: 'Answering…',
    copy: 'Copy', copied: 'Copied', good: 'Helpful', bad: 'Not helpful', thanks: 'Thank you', retry: 'Try again',
    cancelled: 'Stopped', interrupted: 'This answer is not complete',
    expand: 'Show all of the text', collapse: 'Show less',
    rows: (shown, total) => total > shown ? `${shown} of ${total}` : `${shown} in all`,
    rowsMore: shown => `${shown} shown; there may be more`,
    all: count => `Show all ${count}`, columns: 'All columns', fewer: 'Show less', next: 'Next page', sort: label => `Sort by ${label}`,
    chart: (title, said) => `${title}: ${said}`,
    approval: 'Please confirm', confirm: 'Confirm', cancel: 'Cancel', left: time => `valid for ${time}`,
    expired: 'The time to confirm has passed; nothing was submitted', approved: 'You confirmed', declined: 'You cancelled', settled: 'Settled', nothing: 'not given',
    login: 'Log in', logout: 'Log out', account: 'Account', user: 'Resident id', token: 'Login token',
    loginHint: 'Log in to see what is yours and to get things done.', loginWhy: 'Enter the resident id and the token that your estate gave you.',
    demo: 'Use the demo login', loggedIn: user => `Logged in: ${user}`, close: 'Close', refused: 'The login did not succeed',
    light: 'Light', dark: 'Dark', theme: 'Light or dark', skip: 'Skip to the question field', bottom: 'To the newest',
    uploading: 'Uploading photos…', uploadFailed: 'The photo could not be uploaded', tooMany: max => `${max} photos at most`, photoOf: n => `Photo ${n}`,
    seconds: s => `${s} s`, milliseconds: ms => `${ms} ms`, you: 'You', assistant: 'Assistant', fresh: 'New conversation',
  },
};

/** The language of the page, reactive. */
export const language = reactive({locale: 'zh'});

/** @param {string} key @param {...any} values @returns {string} */
export function say(key, ...values) {
  const words = WORDS[language.locale][key];
  return typeof words === 'function' ? words(...values) : words;
}

export function speak(locale) {
  language.locale = locale;
  document.documentElement.lang = say('lang');
}

/** The first of the browser's languages that there is, else the estate's. */
export function preferred(fallback) {
  const kept = localStorage.getItem('steward.locale');
  const known = [kept, ...navigator.languages.map(one => one.slice(0, 2))].find(one => one === 'zh' || one === 'en');
  return known ?? fallback;
}
