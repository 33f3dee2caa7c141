// Links in groups: a plain click opens one here, any other click is the browser's.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".root")
  const nav = element("nav")
  nav.setAttribute("aria-label", data.label)
  for (const group of data.groups) {
    if (group.title) nav.append(element("div", "title", group.title))
    for (const entry of group.entries) {
      const link = element("a", "entry" + (entry.id === data.chosen ? " chosen" : ""))
      link.append(element("bdi", "", entry.label))
      if (entry.note) link.append(element("div", "note", entry.note))
      link.href = entry.href
      link.dataset.id = entry.id
      if (entry.id === data.chosen) link.setAttribute("aria-current", "page")
      link.onclick = event => {
        if (!isPlainClick(event)) return
        event.preventDefault()
        setTriggerValue("open", entry.id)
      }
      nav.append(link)
    }
  }
  root.replaceChildren(nav)
}
