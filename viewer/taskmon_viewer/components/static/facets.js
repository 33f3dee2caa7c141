// Filters with counts: a click on a value puts it into the filter or takes it out.
const PANELS = new WeakMap()
const FIRST = 7

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".root")
  const memory = remembered(PANELS, parentElement, () => ({ long: new Set(), closed: new Set(), needles: {}, clicks: [] }))
  memory.clicks = memory.clicks.filter(click => !data.handled.includes(click.id))
  draw()
  return () => PANELS.delete(parentElement)

  function draw() {
    const focused = root.getRootNode().activeElement
    const focusKey = focused ? focused.dataset.focus : undefined
    root.replaceChildren(...data.groups.map(group))
    const again = focusKey && [...root.querySelectorAll("[data-focus]")].find(e => e.dataset.focus === focusKey)
    if (again) {
      again.focus({ preventScroll: true })
      if (again.tagName === "INPUT") again.setSelectionRange(again.value.length, again.value.length)
    }
  }

  // A run takes only the newest of the triggers that came before it began, so each one carries the clicks before it
  // that no run has answered yet; until one has, they are shown as done.
  function toggle(facet, value) {
    memory.clicks.push({ id: crypto.getRandomValues(new Uint32Array(2)).join("-"), facet, value })
    setTriggerValue("toggle", memory.clicks)
    draw()
  }

  function isChosen(g, v) {
    const clicks = memory.clicks.filter(click => click.facet === g.key && click.value === v.value).length
    return v.chosen !== (clicks % 2 === 1)
  }

  function group(g) {
    const open = !memory.closed.has(g.key)
    const box = element("section", "group")
    box.dataset.facet = g.key
    const head = element("div", "head")
    const title = element("button", "title")
    title.dataset.focus = "title:" + g.key
    title.append(element("span", "caret", open ? "▾" : "▸"), element("span", "", g.label))
    title.setAttribute("aria-expanded", String(open))
    title.onclick = () => {
      open ? memory.closed.add(g.key) : memory.closed.delete(g.key)
      draw()
    }
    head.append(title)
    if (g.values.some(v => v.chosen)) {
      const clear = element("button", "clear", "clear")
      clear.title = "Take all values out of this filter"
      clear.onclick = () => setTriggerValue("emptied", g.key)
      head.append(clear)
    }
    box.append(head)
    if (open) box.append(...values(g))
    return box
  }

  function values(g) {
    if (!g.values.length) return [element("div", "none faint", "nothing here")]
    const made = []
    const needle = (memory.needles[g.key] || "").toLowerCase()
    const long = memory.long.has(g.key)
    if (g.values.length > FIRST && long) made.push(finder(g))
    const fitting = g.values.filter(v => !needle || v.chosen || (v.title || v.text).toLowerCase().includes(needle))
    const shown = long ? fitting : fitting.filter((v, i) => i < FIRST || v.chosen)
    const most = Math.max(1, ...g.values.map(v => v.count))
    const list = element("div", "values")
    list.setAttribute("role", "group")
    list.setAttribute("aria-label", g.label)
    list.append(...shown.map(v => value(g, v, most)))
    made.push(list)
    if (g.values.length > FIRST) {
      const rest = g.values.length - shown.length
      const more = element("button", "more", long ? "show fewer" : "show " + rest + " more")
      more.dataset.focus = "more:" + g.key
      more.onclick = () => {
        if (long) {
          memory.long.delete(g.key)
          delete memory.needles[g.key]
        } else {
          memory.long.add(g.key)
        }
        draw()
      }
      if (rest || long) made.push(more)
    }
    if (long && g.note) made.push(element("div", "none faint", g.note))
    return made
  }

  function finder(g) {
    const input = element("input", "finder")
    input.type = "search"
    input.placeholder = "find in " + g.label.toLowerCase()
    input.setAttribute("aria-label", input.placeholder)
    input.value = memory.needles[g.key] || ""
    input.dataset.focus = "finder:" + g.key
    input.oninput = () => {
      memory.needles[g.key] = input.value
      draw()
    }
    return input
  }

  function shown(g, v) {
    if (g.states) return stateBadge(v.text, data.states)
    return g.key === "name" || g.key === "exception" ? dottedName("span", "text", v.text) : element("span", "text", v.text)
  }

  function value(g, v, most) {
    const chosen = isChosen(g, v)
    const row = element("button", "value" + (chosen ? " chosen" : "") + (v.count ? "" : " empty"))
    row.setAttribute("role", "checkbox")
    row.setAttribute("aria-checked", String(chosen))
    row.dataset.focus = "value:" + g.key + ":" + (v.title || v.text)
    row.dataset.value = v.title || v.text
    row.title = v.title || v.text
    const share = element("span", "share")
    share.style.width = (100 * v.count) / most + "%"
    const box = element("span", "box", chosen ? "✓" : "")
    row.append(share, box, shown(g, v), element("span", "count", v.count.toLocaleString("en")))
    row.onclick = () => toggle(g.key, v.value)
    return row
  }
}
