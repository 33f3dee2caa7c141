// Each card is a link: a plain click opens it here, any other click is the browser's.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".root")
  const list = element("div", "cards")
  for (const card of data.cards) {
    const made = element(card.href ? "a" : "div", "card")
    made.dataset.id = card.id
    if (card.href) {
      made.href = card.href
      made.onclick = event => {
        if (!isPlainClick(event)) return
        event.preventDefault()
        if (!follow(card.href)) setTriggerValue("open", card.id)
      }
    }
    if (card.help) made.title = card.help
    made.append(element("div", "label", card.label), element("div", "value", card.value))
    made.append(element("div", "note " + card.tone, card.note || "\u00a0"))
    list.append(made)
  }
  root.replaceChildren(list)
}
