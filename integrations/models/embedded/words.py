"""Closed lists of general words in Chinese and English: verbs by class, refusal, confirmation, small talk. Data only.

No list knows what an upstream is about: nouns come from the tools' own text. Next: `text.py`.
"""

from __future__ import annotations

import re

# What a sentence asks for, by its verb. A tool's class is found with the same lists in its own summary.
VERBS: dict[str, re.Pattern[str]] = {
    "lookup": re.compile(
        r"查|瞅|睇|瞧|看哈|有啥|有冇|好久|看看|看下|看一|我看|想看|要看|问|多少|多久|几[个张笔点次号]|哪|什么|有没有|还有|还剩|剩多少"
        r"|有[^，,]*[吗么嘛]|吗|怎么样|咋样|进度|进展|明细|详情|记录|流水|历史|列表|清单"
        r"|了没|没有[?？]?$|没得|欠|为什么"
        r"|\b(show|list|what|whats|what's|how|when|where|which|any|is there|are there|do i|did i|have i"
        r"|was|check|find|look|see|view|status"
        r"|history|details?|breakdown|get|query|search|download|tell me|owe)\b",
        re.I,
    ),
    "create": re.compile(
        r"申请|登记|注册|绑定|添加|加[进上到]|增加|新增|提交|上报|预约|约|预定|预订|订|定[个一]|办|开通"
        r"|开[张具票发]|开个|开一|留[个一]|安排|报(?!告|.单|.[进列记处])|借(?!阅)|租|留[起两三四]|挂[个号失]|打疫苗|寄|存一|来[一两三四五六七八九十\d]|建立|发起|创建|补充|上传"
        r"|\b(register|add|bind|book|reserve|apply|request|submit|create|order|hold|arrange|open|report"
        r"|upload|need|want|i'd like|make|schedule|issue|borrow|rent|hire|enrol|join|send|sort|apply|put"
        r"|sign up)\b",
        re.I,
    ),
    "pay": re.compile(
        r"(?<!提)(?<!成)交(?!通|给|流|互)|缴|付|充值|结清|结账|买单|\b(pay|settle|top up|recharge)\b", re.I
    ),
    "cancel": re.compile(
        r"取消|撤销|撤回|撤了|删|退[掉订款了]|去不了|不去了|不来了|唔要|来不了|算了吧|解绑|解除|作废|注销|不用.{0,3}了|不要了|不需要|\b(cancel"
        r"|withdraw|delete|remove|unbind|revoke|call (it |that |this )?off|undo|scrap|bin|drop"
        r"|(no longer|don'?t|do not|won'?t|not) (need|want)(ing)?|can'?t make|won'?t make|not coming|calling off)\b",
        re.I,
    ),
    "change": re.compile(
        r"修改|更改|改[成到为期约签个下一]|变更|调整|换[成到个]|推迟|延后|提前到|挪到|挪|移到|推到|改时间|\b(change|reschedule"
        r"|update|modify|move|postpone|edit|shift|push|bring forward)\b",
        re.I,
    ),
    "rate": re.compile(
        r"评价|打分|评分|点评|好评|差评|[给打]\D{0,6}[一二三四五六七八九十\d]+\s*[星分颗]|[一二三四五]星"
        r"|\d\s*[星分]|\b(rate|rating|review|stars?|feedback|score)\b",
        re.I,
    ),
    "extend": re.compile(r"续|延长|延期|宽限|多.{0,4}几天|再给我|\b(renew\w*|extend\w*|extension|prolong)\b", re.I),
}

# A sentence that says that something does not work.
FAULT = re.compile(
    r"坏|漏|堵|断|裂|爆|掉[了下]|松[了动]|锈|卡[住死]|跳闸|失灵|故障|异响|异味|渗|溢|脱落|短路"
    r"|冒[烟水]|死机|闪|碎|破|没[水电气网]|停[水电气]"
    r"|[\u4e00-\u9fff]不(?:了|着|开|上|动|出|下|亮|响|转|热|冷|通|灵|停|清|准|稳|住|工作|制|启动|能用"
    r"|好使|见)|不(?:亮|响|转|热|冷|通|灵|制冷|制热|好用|能用|工作|运转|启动)"
    r"|\b(broke|broken|leak\w*|stuck|dead|won'?t|doesn'?t|isn'?t|not work\w*|can'?t open|went out"
    r"|is out|out of order|no (?:hot )?(?:water|power|electricity|gas|heating)|fail\w*|fault\w*"
    r"|block\w*|clog\w*|flicker\w*|crack\w*|burst|jammed|smell\w*|noisy|dripping|drips?|overflow\w*|damaged)\b",
    re.I,
)
# Faults that name what fails.
WHOLE_FAULT = re.compile(
    r"[停没断][水电气网]|跳闸|漏[水电气雨]|\b(power (cut|outage)|no (hot )?(water|power|electricity|gas))\b", re.I
)
# A tool that takes such reports says so in its own text.
REPORT = re.compile(r"故障|坏了|损坏|问题上报|报障|\b(broken|fault|faulty|defect|out of order|problem)\b", re.I)

QUESTION = re.compile(
    r"[?？]|吗|呢|多少|多久|几[个张笔点次]|哪|什么|怎么|咋|为什么|了没|没有$|没得|啥|咩|伐$|有冇|好久|好多钱|得不得|[\u4e00-\u9fff]没$"
    r"|^\s*(what|how|when|where|which|who|why|is|are|do|does|did|any|was|were|have|has)\b",
    re.I,
)
# Phrased as a question, meant as a request.
REQUEST = re.compile(
    r"(能|可以|可不可以|能不能|行不行|行吗|好吗|可否).*(吗|么|不|[?？]|行|好)?|帮我|帮忙|麻烦|请"
    r"|\b(can|could|would|will) (you|someone|somebody|i)\b|\b(can|could|would) (?:[\w'-]+ ){1,5}(be|get) \w+(ed|en)\b"
    r"|\bplease\b|\bpls\b",
    re.I,
)
WHY = re.compile(r"为什么|为啥|怎么办|怎么回事|\bwhy\b|\bhow come\b", re.I)

CANCEL = re.compile(
    r"^(那|那就|还是|嗯|哦|唉|呃|ok|okay|please|oh|well|no)?[,，\s]*"
    r"(算了.{0,6}|不用了.{0,4}|不用|不要了.{0,4}|不需要了?|取消|取消吧|取消了|先?不.{1,4}了|放弃.{0,3}"
    r"|不弄了|不必了|没事了|下次再说|以后再说"
    r"|cancel( (it|that|this))?|never ?mind|forget( about)? it|stop|no thanks?( you)?|not now|drop it|leave it"
    r"|(i )?(don'?t|do not) (want|need) (it|that|this)?( any ?more)?|quit|abort)[吧了啦呀。.!！~\s]*$",
    re.I,
)
YES = re.compile(
    r"^(嗯+|好+的?|好呀|好吧|可以|行|是的?|对的?|没错|确认.{0,3}|确定.{0,3}|同意|提交吧?|ok(ay)?( please)?"
    r"|yes+( please)?|please do|yeah|yep|sure|confirm\w*|right|correct|fine|go ahead)"
    r"[吧啦呀的。.!！~\s]*$",
    re.I,
)
CORRECTION = re.compile(
    r"^((?:哎|啊|哦|噢|嗯|唉)?[,，\s]*(?:不对)+(?:[,，\s]*不对)*|啊?不不+|搞错了|哦不|啊不|oops|i beg"
    r" your pardon|beg pardon|sorry,? sorry"
    r"|my mistake|wait|hang on|不是|错了|说错了|弄错了|等等|等一下|更正|应该是|改成|改为|改到|改一下|换成|no[,，]|not "
    r"|actually|sorry|scratch that|wrong|i meant?|correction|make (it|that)"
    r"|change (it|that|the \w+) to|rather|instead)[,，。:：、\s]*",
    re.I,
)
CORRECTION_FILLER = re.compile(
    r"^(说错了|错了|不对|i said|not [^,，.]{1,20}[,，.]|sorry|我是说|应该|应当|应该是|是|改成|改为|改到"
    r"|换成|我说的是|i meant?|it'?s|it is"
    r"|it should be|to|should be|make it|the|no)[,，:：\s]*",
    re.I,
)
ANY = re.compile(
    r"随便|都可以|都行|都好|任何时间|任意|不限|无所谓|随时|尽快|马上|立刻|立即|现在就?|越快越好|没有?要求|看你们|"
    r"\b(any ?time|whenever|no preference|any(thing)?( is)? (fine|ok|okay)|doesn'?t matter"
    r"|don'?t (mind|care)|as soon as possible|asap|flexible)\b",
    re.I,
)
# 还有空车位吗 asks whether there is any; 还有水费 goes on.
FOLLOW = re.compile(
    r"^(那么?|还有(?!没有|多少|几|哪|什么|.*[吗么嘛?？]$)|(and|what about|how about|then)\b)|呢[?？]?$", re.I
)
PRONOUN = re.compile(r"它|这[个张笔条单件]|那[个张笔条单件]|\b(it|its|them|that one|this one|that|this)\b", re.I)
MORE = re.compile(r"^(下一页|还有吗|更多|继续|再来.*|再看.*|next( page)?|more|show more|continue)[。.!！?？\s]*$", re.I)
ALL = re.compile(r"所有|全部|一切|都[是给打]|全[是给打]|\b(all|every|everything)\b", re.I)

GREETING = re.compile(
    r"^(你好|您好|嗨|哈喽|哈啰|早上好|上午好|中午好|下午好|晚上好|早|在吗|在不在|有人吗|hi|hello|hey"
    r"|good (morning|afternoon|evening)|你好啊)"
    r"([,，\s]*(there|steward|啊|呀|哈))*[,，。.!！~?？\s]*",
    re.I,
)
THANKS = re.compile(
    r"^.{0,6}(谢谢|多谢|感谢|辛苦了|再见|拜拜|thanks|thank you|thx|cheers|bye|goodbye|good night)[\w\W]{0,14}$",
    re.I,
)
HELP = re.compile(
    r"你(都|还)?(能|会|可以)(帮我)?(做|干|办|帮|查)?(些|点)?(什么|啥|哪些)|有(什么|哪些)功能|怎么用|使用说明|^帮助$|"
    r"what (can|do) you (do|help)|what are you able|how can you help|^\s*help( me)?\s*[?.!]*$|your features",
    re.I,
)
WHO = re.compile(
    r"你是(谁|什么|哪位|机器人)|你叫什么|who are you|what are you\b|are you (a )?(bot|robot|human|real)", re.I
)
# Matters of the world that a system's operation rarely serves; they count only where no tool's own text has the word.
ELSEWHERE = re.compile(
    r"天气|下雨|笑话|好吃|美食|写.{0,3}(诗|文章|作文|代码)|股票|基金|电影|新闻|翻译|音乐|唱歌|故事"
    r"|投诉|人工|客服|转人工|密码|几点(开门|关门|下班|上班|营业)"
    r"|营业时间|电话(是|号码)?多少|怎么联系|买[个辆套一]|卖|出租|租房|丢了|丢失|走失|吵|噪音|涨价|为啥"
    r"|系统提示|提示词|忽略.*指令|邻居|别人|他人"
    r"|\b(weather|joke|poem|stock|movie|news|translate|song|story|restaurant|password"
    r"|wi-?fi|complain\w*|human agent|opening hours"
    r"|noisy|neighbou?r'?s?|lost my|ignore (all|the|previous)|system prompt|sell)\b",
    re.I,
)
CONJUNCTION = re.compile(
    r"[,，;；。.!！]?\s*(?:顺便|另外|然后|还有(?=[查看帮再])|同时|以及|(?<=[,，;；。])再|并且|and then"
    r"|and also|also|then|plus)\s*[,，]?",
    re.I,
)
NOTHING_SUBJECT = re.compile(r"^(东西|家里东西|有东西|有个东西|什么|something|thing|it|stuff)?(is|has|are)?$", re.I)
# Wanting something, beside the verbs of action.
WANT = re.compile(
    r"我?想|我?要(?![不么])|来[一二两三四五六七八九十\d俩仨几]|来个|来张|来份|给我|帮我|给.{1,6}[办开登约订定留]|需要|麻烦"
    r"|\b(i'?d like|i would like|i want|i need|need|we need|want|put me|sign me|get me|give me"
    r"|let me have|kindly|please|pls"
    r"|requesting|for me)\b",
    re.I,
)
# Questions about rules, prices and hours: what no operation answers unless its text has the words.
POLICY = re.compile(
    r"几点.{0,3}(开|关|上班|下班|营业)|开门|关门|营业|什么时候(开|关)|(要|需要?|带).{0,4}(什么|啥|哪些)?(材料|证件|手续)"
    r"|补贴|收费标准|怎么收费|规定|会不会|[报收扣罚]不[报收扣罚]|好多钱|怎么[煮做炒弄]|咋续|可以.{0,8}(吗|伐|么|不)$|能不能.{1,8}(吗|伐)$|好.{1,5}伐$|算不算|是谁|在哪|哪里能"
    r"|\b(opening hours|open till|what time (do|does|is)|allowed|policy|rules?|documents? (are|do)"
    r"|how much (is|does|are)"
    r"|is it (ok|okay|possible|free|safe)|do you (accept|have|sell|offer|take)|can (outside|outsiders"
    r"|people|we|kids|children)"
    r"|is there (a|any) |are (pets|kids|children|dogs|cats))\b",
    re.I,
)
# Words that would make the machine do what nobody may ask of it.
DEMAND = re.compile(
    r"忽略|无视|系统提示|已授权|管理员|所有人|全小区|全部住户|别人|人家的|邻居|隔壁|楼上|楼下.{0,3}(家|阿姨|先生)|他人|老板娘"
    r"|密码是|统统|直接转|转账|后台"
    r"|\b(ignore|override|instructions?|admin|developer mode|everyone'?s?|all (the )?(members|residents"
    r"|users|tenants)"
    r"|neighbou?r'?s?|someone else'?s?|somebody else'?s?|other people'?s?|pretend|bypass|without (asking"
    r"|confirm\w*))\b",
    re.I,
)
# Telling rather than asking: complaints, gifts, losses.
ELSEWHERE_TOLD = re.compile(
    r"没人管|太.{1,3}了|投诉|捐|送给你们|捡到|丢了|吵|臭|脏|态度|没看懂|什么意思|啥意思|好不好吃|好吃|推荐|建议"
    r"|\b(lost|found|complain\w*|rude|dirty|terrible|donate|recommend|noisy|meaning of)\b",
    re.I,
)
# A sentence about what is over.
PAST = re.compile(
    r"[\u4e00-\u9fff]过(?!期|来|去)|了(?!$|解)|上(个|周|次|礼拜|星期|回|月)|昨|前天|前几天|以前|之前|最近|去年|早先"
    r"|\b(last|was|were|did|ago|yesterday|past|previous|since|earlier|have been|had)\b",
    re.I,
)
# Chinese words that say nothing of what is meant.
_WORDS_ZH = (
    "我 的 了 吗 呢 啊 吧 一下 帮 帮我 请 你 你们 我们 是 在 有 要 想 给 就 都 也 这 那 个 一 "
    "把 被 和 跟 不 没 没有 什么 怎么 多少 几 哪 哪些 一个 这个 那个 能 可以 能不能 到 去 来 说 看 "
    "看看 再 还 还有 嘛 呀 哦 里 上 下 二 三 四 五 六 七 八 九 十 点 号 今天 明天 后天 昨天 本 "
    "月 日 周 年 从 对 为 与 或 及 等 其 按 某 将 以 他 她 它 们 啥 咋 呗 伐 咩 得 地 着 过 "
    "用 会 又 好 行 先 话 麻烦 星期 礼拜 上午 下午 晚上 早上 中午 时候 现在 人 家 我家 自己 可 不能 "
    "位 条 张 份 次 件 单 只 所 其他 如 例如 格式 "
)
FILLER_ZH = frozenset(_WORDS_ZH.split())
# Why, or what for.
REASON = re.compile(
    r"(?:因为|原因是|理由是|用来|用于|because|since|it is for|it'?s for|as we)\s*([^，,。.;；]{2,80})", re.I
)
# A slip that is put right in the same sentence: what follows takes the place of what was said before.
AMENDS = re.compile(
    r"[,，。.\s]*(?:啊不对?|哦不对?|噢不对?|不对不对|说错了|不对[,，]|\bno,? wait|\bwait,? no|\bsorry,?"
    r" sorry|\bscratch that"
    r"|\bactually,? (?=make|not|no)|[,.] (?:sorry|i mean|no),? (?=not|make|i mean))[,，\s]*",
    re.I,
)
# A form is given up at the beginning of a sentence that may go on with something else, or at its end.
DROPS = re.compile(
    r"^(?:哎|唉|那|嗯|哦|ah|oh|ok|actually|well)?[,，\s]*(?:算了(?:算了)?|不弄了|never ?mind|forget"
    r" (?:it|that|about it)|leave (?:it|that)"
    r"|drop (?:it|that)|skip (?:it|that))(?:吧|啦)?(?=[,，。.!\s]|$)",
    re.I,
)
DROPS_LAST = re.compile(
    r"(?:不用了|算了吧?|不必了|不办了|不弄了|不要了|不需要了|不[订定借约报买]了)[吧啦哈呀]?[。.!！~\s]*$"
)
