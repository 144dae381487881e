"""Every sentence that a person reads, in Chinese and English, in one place; asked for by key with `text()`."""

from __future__ import annotations

import re

from schemas.turn import Locale

_HAN = re.compile(r"[\u3400-\u9fff]")

MESSAGES: dict[str, tuple[str, str]] = {
    # statuses of a turn
    "status.thinking": ("正在思考...", "Thinking..."),
    "status.tool_calling": ("正在{title}...", "Working on: {title}..."),
    "status.tool_completed": ("{title}：已完成", "{title}: done"),
    "status.tool_failed": ("{title}：未成功", "{title}: not successful"),
    "status.completed": ("回答完成", "Done"),
    # the terminal client
    "chat.hint": (
        "已连接 {url}，用户 {user}。Ctrl-C 停止回答，Ctrl-D 离开。",
        "Connected to {url} as {user}. Ctrl-C stops an answer, Ctrl-D leaves.",
    ),
    "chat.demo": ("使用演示登录。", "The demo login is used."),
    "chat.prompt": ("您>", "you>"),
    "chat.prompt_approval": ("确认 / 取消>", "yes / cancel>"),
    "chat.expires": (
        "{time} 前有效。确认请回复“确认”，放弃请回复“取消”。",
        'Valid until {time}. Reply "yes" or "cancel".',
    ),
    "chat.shown": ("显示 {shown} 条，可能还有更多", "{shown} shown; there may be more"),
    "chat.shown_of": ("显示 {shown} 条，共 {total} 条", "{shown} of {total} shown"),
    "chat.hidden": ("另有 {count} 列：{labels}", "{count} more columns: {labels}"),
    "chat.cancelling": ("正在停止……再按一次 Ctrl-C 离开", "Stopping... press Ctrl-C again to leave"),
    "chat.cancelled": ("（已停止）", "(stopped)"),
    "chat.lost": ("连接断开（{code}），{seconds} 秒后重连", "The connection was lost ({code}); again in {seconds} s"),
    "chat.back": ("已重新连接", "Connected again"),
    "chat.closed": ("连接已被关闭（{code}）", "The connection was closed ({code})"),
    "chat.unreachable": ("无法连接 {url}：{reason}", "{url} cannot be reached: {reason}"),
    # client frames that are refused
    "frame.not_json": ("消息不是有效的 JSON：{detail}", "The message is not valid JSON: {detail}"),
    "frame.not_object": (
        '消息必须是一个 JSON 对象，例如 {{"query": "你好"}}',
        'The message must be a JSON object, such as {{"query": "hello"}}',
    ),
    "frame.missing": ("缺少字段 {field}", "The field {field} is missing"),
    "frame.wrong_kind": (
        "字段 {field} 的类型不对，应为{expected}",
        "The field {field} is of the wrong kind: {expected} is expected",
    ),
    "frame.empty": ("字段 {field} 不能为空", "The field {field} must not be empty"),
    "frame.binary": ("不支持二进制消息，请发送 JSON 文本", "Binary messages are not supported: send JSON text"),
    "frame.unknown_type": (
        "不支持 {field} 字段所写的消息类型",
        "The message type that the field {field} names is not supported here",
    ),
    "frame.version": (
        "不支持的协议版本，本服务使用版本 {version}",
        "This protocol version is not supported; this service speaks version {version}",
    ),
    "frame.out_of_bounds": (
        "字段 {field} 的长度或大小不合要求（{bounds}）",
        "The field {field} is out of bounds ({bounds})",
    ),
    "frame.too_many_attachments": ("附件太多，最多 {max} 个", "Too many attachments: {max} at most"),
    "frame.query_too_large": ("问题太长，最多 {max} 个字符", "The query is too long: {max} characters at most"),
    "frame.bad_token": (
        "登录凭证格式不正确（可能过长或含有非法字符）",
        "The token cannot be one (too long, or with characters that no token has)",
    ),
    "frame.busy": (
        "上一个问题还在处理，请稍后再发",
        "An earlier question is still being answered; please send this one again in a moment",
    ),
    "frame.rate_limited": (
        "消息发送过于频繁，请在 {seconds} 秒后再发",
        "You are sending too many messages; please try again in {seconds} seconds",
    ),
    "frame.not_found": ("没有找到：{field}", "There is no such {field}"),
    "frame.login_required": (
        "需要登录，或登录已过期，请重新登录",
        "A login is needed, or it has expired; please log in again",
    ),
    "frame.no_turn": ("没有正在进行的回答", "No answer is under way"),
    "frame.store": ("暂时无法读取记录，请稍后再试", "The records cannot be read right now; please try again later"),
    "frame.identity_mismatch": (
        "登录身份与连接地址中的用户不一致，请重新登录",
        "The login belongs to another user than this address; please log in again",
    ),
    # HTTP requests that are refused
    "http.bad_request": ("请求格式不正确", "The request is not well-formed"),
    "http.not_found": ("没有这个地址", "There is no such address"),
    "http.method": ("此地址不支持这种请求方法", "This address does not take this method"),
    "http.too_slow": ("请求没有及时收完，请重试", "The request did not arrive in time; please try again"),
    "http.too_large": ("请求内容过大", "The request is too large"),
    "http.not_json": ("请求内容应为 application/json", "The body must be application/json"),
    "http.not_form": ("文件应以 multipart/form-data 上传", "A file is uploaded as multipart/form-data"),
    "http.bad_form": ("表单内容不完整或格式不正确", "The form is not complete or not well-formed"),
    "http.one_file": ("表单中应有且只有一个 {field} 文件", "The form must have exactly one file, named {field}"),
    "http.upload_type": ("文件类型不支持，应为 {types}", "The file is of no supported type ({types})"),
    "http.upload_too_large": ("文件过大，最多 {max} 字节", "The file is too large: {max} bytes at most"),
    "http.uploads_full": (
        "上传的文件已达上限，请稍后再试",
        "There is no room for more uploads right now; please try again later",
    ),
    "http.last_event_id": ("{field} 不是本服务给出的编号", "{field} is not an id that this service has given"),
    # the own HTTP API's document
    "docs.about": (
        "与 WebSocket 相同的协议，供无法打开套接字的客户端使用。出错时返回 `error` 帧的对象。",
        "The WebSocket's protocol for clients that cannot open sockets. Refusals are the `error` frame's object.",
    ),
    "docs.token": ("住户自己的登录凭证", "The resident's own token"),
    "docs.chat": ("提问，以 SSE 返回整个回答", "Ask; the whole turn comes as server-sent events"),
    "docs.stream": (
        "`id` 为 `epoch:seq`，`data` 为一帧。"
        "断线后以同样的 `client_msg_id` 和 `Last-Event-ID` 重发，只会收到未收到的部分。",
        "`id` is `epoch:seq`, `data` is one frame. After a loss the same query, with the same `client_msg_id` and with "
        "`Last-Event-ID`, gets what was missed.",
    ),
    "docs.last_event_id": (
        "最后收到的 `id`；此时 `client_msg_id` 必填",
        "The last `id` that was received; `client_msg_id` is required with it",
    ),
    "docs.events": ("一次回答的各帧：{frames}", "The frames of the turn: {frames}"),
    "docs.approve": ("确认或取消一项待确认的操作", "The resident's yes or no to one parked write"),
    "docs.approve_how": (
        "`Accept: text/event-stream` 时以 SSE 返回随后的回答，否则返回其编号。",
        "With `Accept: text/event-stream` the turn that follows comes as events, otherwise its ids.",
    ),
    "docs.cancel": ("停止一次回答", "Stop a turn"),
    "docs.upload": ("上传一张照片", "Upload a photo"),
    "docs.upload_how": (
        "类型以内容为准（{types}），最多 {max} 字节。编号用于提问的 `attachments`。",
        "The type is what the bytes say ({types}), {max} bytes at most. The id goes into a query's `attachments`.",
    ),
    "docs.conversations": ("自己的对话，最近的 {max} 个", "Own conversations, the latest {max}"),
    "docs.forget_all": ("删除自己的全部对话和照片", "Forget all own conversations and uploads"),
    "docs.conversation": ("一个对话的内容", "What was said in a conversation"),
    "docs.forget": ("删除一个对话", "Forget a conversation"),
    "docs.catalogue": ("智能助手能做什么", "What the assistant can do"),
    # requests that are refused before anything is done
    "admission.token": (
        "登录凭证不能放在网址里，请放在消息的 token 字段中",
        "A token must not be part of the address; send it in a frame's field token",
    ),
    "admission.origin": ("不允许从这个网站连接", "Connections from this website are not allowed"),
    "admission.scarce": (
        "当前连接过多，请稍后再试",
        "There are too many connections right now; please try again later",
    ),
    "error.scarce": (
        "当前使用的人太多，请稍后再试",
        "Too many people are using this right now; please try again later",
    ),
    "error.shutting_down": ("服务正在重启，请稍后重新连接", "The service is restarting; please reconnect in a moment"),
    "error.internal": (
        "系统内部错误，请稍后再试（编号 {reference}）",
        "Something went wrong on our side; please try again (reference {reference})",
    ),
    "error.model_unavailable": (
        "智能助手暂时无法回答，请稍后再试",
        "The assistant cannot answer right now; please try again in a moment",
    ),
    "error.approval_expired": (
        "刚才的操作已超过确认时间，没有提交。如仍需要请重新告诉我。",
        "The time to confirm has passed and nothing was submitted. Tell me again if you still want it.",
    ),
    "error.approval_used": ("这项操作已经处理过：{how}", "This has been decided already: {how}"),
    "error.approval_changed": (
        "要提交的内容已经与刚才展示的不同，没有提交。请重新告诉我。",
        "What would be submitted is no longer what was shown, so nothing was submitted. Please tell me again.",
    ),
    "error.turn_interrupted": ("回答被中断，请重新提问", "The answer was interrupted; please ask again"),
    # tool results: refusals and failures
    "tool.unknown": ("没有名为 {name} 的工具", "There is no tool named {name}"),
    "tool.login_required": (
        "{upstream}需要登录，或登录已过期，请重新登录后再试",
        "{upstream} needs a login, or the login has expired; please log in again",
    ),
    "tool.forbidden": ("没有权限在{upstream}中进行此操作", "This is not permitted in {upstream}"),
    "tool.not_found": ("{upstream}中没有找到相应的记录", "{upstream} has no such record"),
    "tool.unavailable": (
        "{upstream}暂时没有响应，请稍后再试",
        "{upstream} does not answer right now; please try again later",
    ),
    "tool.timeout": ("{upstream}响应太慢，请稍后再试", "{upstream} took too long to answer; please try again later"),
    "tool.bad_response": (
        "{upstream}返回了无法识别的内容，请稍后再试",
        "{upstream} gave an answer that cannot be read; please try again later",
    ),
    "tool.too_large": (
        "{upstream}返回的内容过大，请缩小查询范围",
        "{upstream} answered with too much; please narrow the question",
    ),
    "tool.rate_limited": (
        "{upstream}请求过于频繁，请稍后再试",
        "{upstream} is being asked too often; please try again later",
    ),
    "tool.redirected": (
        "{upstream}没有给出结果（要求跳转到其他页面）",
        "{upstream} gave no result (it asked to go to another page)",
    ),
    "tool.tls": (
        "无法与{upstream}建立安全连接，请联系物业",
        "No secure connection to {upstream} could be made; please contact the estate's office",
    ),
    "tool.business": ("{upstream}：{message}", "{upstream}: {message}"),
    "tool.refused": (
        "{upstream}没有接受这个请求，请检查填写的内容",
        "{upstream} did not accept this request; please check what was given",
    ),
    "tool.unknown_outcome": (
        "{upstream}没有确认结果，操作可能已经完成，也可能没有。请先查询确认，不要重复提交",
        "{upstream} did not confirm the outcome: it may or may not have been done. Please check before trying again",
    ),
    "tool.withheld": (
        "{upstream}返回了不属于您的记录，已不予显示",
        "{upstream} answered with a record that is not yours; it is not shown",
    ),
    # a write without an outcome, after its system was asked for the record: `check` is the title of that question
    "tool.unknown_not_found": (
        "{upstream}没有确认结果，目前也没有查到相应的记录，可能仍在处理。请稍后通过“{check}”确认，不要重复提交",
        "{upstream} did not confirm the outcome and has no record of it so far; it may still be under way."
        ' Please check later with "{check}" and do not submit it again',
    ),
    "tool.unknown_still": (
        "{upstream}没有确认结果，查询记录也无法确定：操作可能已经完成，也可能没有。请稍后通过“{check}”确认，不要重复提交",
        "{upstream} did not confirm the outcome and its records could not tell: it may or may not have been done."
        ' Please check later with "{check}" and do not submit it again',
    ),
    "tool.upload_gone": (
        "没有找到要发送的文件，可能已过期，请重新上传",
        "A file that is to be sent was not found; it may have expired. Please upload it again",
    ),
    "tool.limit": ("本次回答调用的系统次数已达上限", "This answer has used up its calls to the estate's systems"),
    # what a search among the tools says beside its result
    "search.found": ("这些工具从下一步起可以调用", "These tools can be called from the next step on"),
    "search.nothing": (
        "没有找到相关工具，请换用其他词语，或使用工具说明所用的语言再试",
        "No tool has these words; try others, or the language in which the tools are described",
    ),
    "search.limit": ("本次回答查找工具的次数已达上限", "This answer has used up its searches for tools"),
    "note.cut_lists": ("其中 {count} 条未显示", "{count} entries inside are not shown"),
    "note.cut_text": ("内容过长，仅显示开头部分", "Too long: only the beginning is shown"),
    "note.no_answer": ("{upstream}没有返回内容", "{upstream} sent no content"),
    "note.empty": ("没有返回内容", "There was no content"),
    "note.file": (
        "返回的是文件（{type}，{size} 字节），内容不在此显示",
        "The answer is a file ({type}, {size} bytes); its content is not shown here",
    ),
    "note.replaced": ("部分文字无法识别，已用 � 代替", "Some characters could not be read and are shown as �"),
    "note.unverified": (
        "操作已被接受，但详细结果没有完整收到",
        "It was accepted, but its details did not arrive in full",
    ),
    "note.withheld": ("{count} 条不属于您的记录未显示", "{count} records that are not yours are not shown"),
    "note.found": (
        "{upstream}没有及时确认，但已查到这项操作的记录",
        "{upstream} did not confirm in time, but the record of it was found",
    ),
    "note.truncated": ("仅显示 {shown} 条，共 {total} 条", "{shown} of {total} shown"),
    # approvals
    "approval.intro": ("我将在{upstream}为您提交以下内容：", "I am about to submit this to {upstream} for you:"),
    "approval.how": (
        "回复“确认”提交，回复“取消”放弃。{minutes} 分钟内有效。",
        'Reply "yes" to submit it or "cancel" to drop it. Valid for {minutes} minutes.',
    ),
    "approval.cancelled": ("好的，已取消，没有提交任何内容。", "All right, cancelled. Nothing was submitted."),
    "approval.still_waiting": ("这项操作还在等您确认：", "This is still waiting for your answer:"),
    "approval.nothing": ("未指定", "not given"),
    "approval.done": ("{title}：已提交成功。", "{title}: submitted."),
    "approval.pending": (
        "已展示给住户，等待确认，尚未提交",
        "Shown to the resident and waiting for a yes; not submitted yet",
    ),
    "approval.one_at_a_time": (
        "一次只能确认一项，另一项请在此之后再提出",
        "Only one submission can wait for a yes at a time; propose the other one afterwards",
    ),
    "approval.not_kept": (
        "现在无法登记需要确认的操作，所以没有提交任何内容，请稍后再试",
        "Submissions cannot be recorded right now, so nothing was submitted; please try again later",
    ),
    "approval.yes": ("确认", "yes"),
    "approval.no": ("取消", "cancel"),
    "approval.was_cancelled": ("这项操作已经取消，没有提交。", "This was cancelled and not submitted."),
    "approval.was_superseded": (
        "这项操作已被后来的操作取代，没有提交。",
        "This was replaced by a later one and not submitted.",
    ),
    # stands where an address was that does not lead to an allowed host
    "link.removed": ("〔链接已省略〕", "‹link left out›"),
    # outcomes of a turn in words
    "turn.limit": (
        "这个问题需要的步骤太多，我先停在这里。请换个更具体的问法再试。",
        "This took too many steps, so I stop here. Please ask more specifically.",
    ),
    "turn.truncated": (
        "（回答太长，到此为止。）",
        "(The answer was too long and is cut here.)",
    ),
    "turn.not_done": (
        "（更正：这一轮没有任何系统确认提交、修改、取消或支付了什么，请以查询到的记录为准。）",
        "(Correction: no system has confirmed in this turn that anything was submitted, changed, cancelled or paid;"
        " please go by the records.)",
    ),
    "turn.filtered": (
        "抱歉，这个问题我不能回答。",
        "Sorry, I cannot answer this.",
    ),
    "turn.empty": (
        "抱歉，我没有得到可用的回答，请换个说法再试。",
        "Sorry, I have no usable answer; please put it another way.",
    ),
    "turn.quota": (
        "今天的使用量已达上限，请明天再来，或直接联系物业。",
        "Today's share of questions is used up; please come back tomorrow or contact the estate's office.",
    ),
    "turn.not_saved": (
        "（提示：这段对话暂时没有保存。）",
        "(Note: this part of the conversation could not be saved.)",
    ),
    # to people
    "turn.person": (
        "我是智能助手，不能为您转接人工。",
        "I am an automatic assistant and cannot put you through to a person.",
    ),
    "office.contact": ("请联系{contact}。", "Please contact {contact}."),
    "office.name": ("物业", "the estate's office"),
    "office.phone": ("电话 {value}", "phone {value}"),
    "office.hours": ("服务时间 {value}", "hours {value}"),
    "turn.interrupted": ("（回答被中断，请再问一次。）", " (The answer was interrupted; please ask again.)"),
}


def text(key: str, locale: Locale, **params: object) -> str:
    """The sentence of `key`, its `{params}` filled (bilingual ones localised). Raises `KeyError` for an unknown key."""
    zh, en = MESSAGES[key]
    filled = {name: localise(value, locale) if isinstance(value, str) else value for name, value in params.items()}
    return (zh if locale == "zh" else en).format(**filled)


def localise(value: str, locale: Locale) -> str:
    """The half of a bilingual text "中文 / English" that `locale` reads; any other text as it is.

    Documents and upstreams.yaml may write titles and descriptions so. Only a text whose halves differ in script counts.
    """
    first, separator, second = value.partition(" / ")
    if not separator or bool(_HAN.search(first)) == bool(_HAN.search(second)):
        return value
    zh, en = (first, second) if _HAN.search(first) else (second, first)
    return (zh if locale == "zh" else en).strip()


def language_of(query: str, default: Locale) -> Locale:
    """The language a query is written in: Chinese if it has a Han character, English if it has two Latin letters
    outside codes (BX20261122-0007 is written so in both)."""
    if _HAN.search(query):
        return "zh"
    words = re.sub(r"[A-Za-z-]*\d[\w-]*", " ", query)
    return "en" if len(re.findall(r"[A-Za-z]", words)) >= 2 else default
