// Names and values, in groups side by side; a value may lead to a task.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".root")
  root.replaceChildren(...data.groups.map(group))

  function group(g) {
    const box = element("section", "group")
    if (g.title) box.append(element("h3", "", g.title))
    const list = element("dl")
    for (const fact of g.facts) {
      const name = element("dt", "", fact.label)
      if (fact.help) name.title = fact.help
      const value = element("dd", fact.kind || "")
      if (fact.kind === "state") {
        value.append(stateBadge(fact.value, data.states))
        if (fact.note) value.append(element("span", "note faint", fact.note))
      } else if (fact.href) {
        const link = element("a", "", fact.value)
        link.href = fact.href
        link.onclick = event => {
          if (!isPlainClick(event)) return
          event.preventDefault()
          if (!follow(fact.href)) setTriggerValue("open", fact.open)
        }
        value.append(link)
        if (fact.note) value.append(element("span", "note faint", fact.note))
      } else {
        value.textContent = fact.value
        if (fact.value === "–") value.classList.add("faint")
        if (fact.note) value.append(element("span", "note faint", fact.note))
      }
      if (fact.kind === "mono" && fact.value !== "–") {
        const copy = copyButton("copy-value", "copy", fact.value)
        copy.setAttribute("aria-label", "Copy " + fact.label)
        value.append(copy)
      }
      list.append(name, value)
    }
    box.append(list)
    return box
  }
}
