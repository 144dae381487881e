// Shows docs/asyncapi.yaml, which the gateway has resolved: a parser in the page would need eval.

const schema = await (await fetch('asyncapi.json')).json()
window.AsyncApiStandalone.render(
  { schema, config: { show: { sidebar: true, errors: true }, expand: { messageExamples: false } } },
  document.getElementById('protocol'),
)
