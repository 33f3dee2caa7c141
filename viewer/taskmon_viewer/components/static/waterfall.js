// A tree of bars over time: rows are spans of a trace or executions of a task. Only the rows in sight are drawn.
const ROW = 24
const SPARE_ROWS = 8
const MAX_INDENT = 14
const WATERFALLS = new WeakMap()

function spanText(ms) {
  if (ms >= 3600000) return Math.floor(ms / 3600000) + " h " + String(Math.floor((ms % 3600000) / 60000)).padStart(2, "0") + " min"
  if (ms >= 60000) return Math.floor(ms / 60000) + " min " + String(Math.floor((ms % 60000) / 1000)).padStart(2, "0") + " s"
  if (ms >= 1000) return (ms / 1000).toFixed(2) + " s"
  return (ms >= 10 || ms === 0 ? ms.toFixed(0) : ms.toFixed(2)) + " ms"
}

export default function (component) {
  const { data, parentElement, setStateValue } = component
  const root = parentElement.querySelector(".root")
  const memory = remembered(WATERFALLS, parentElement, () => build(root))
  memory.choose = id => setStateValue("chosen", id)
  memory.states = data.states
  if (memory.signature !== data.signature) {
    memory.signature = data.signature
    memory.zoom = null
    memory.folded.clear()
    prepare(memory, data.rows)
  }
  if (data.chosen !== undefined) memory.chosen = data.chosen
  memory.title.textContent = data.heading
  memory.title.title = data.heading
  memory.view.setAttribute("aria-label", data.heading)
  memory.maxHeight = data.height || 420
  layout(memory)
  if (!memory.seen) {
    memory.seen = true
    bringIntoSight(memory, memory.view.clientHeight / 2)
  }
  return () => {
    memory.observer.disconnect()
    WATERFALLS.delete(parentElement)
  }
}

function build(root) {
  const memory = { folded: new Set(), zoom: null, cursor: -1, chosen: null, signature: null }
  const head = element("div", "head")
  memory.title = element("div", "name title")
  memory.ruler = element("div", "ruler")
  memory.ruler.title = "Drag to zoom, double-click to see all; by the keyboard + on a row, and -"
  head.append(memory.title, memory.ruler)
  memory.view = element("div", "view")
  memory.view.tabIndex = 0
  memory.view.setAttribute("role", "tree")
  memory.pad = element("div", "pad")
  memory.view.append(memory.pad)
  root.replaceChildren(head, memory.view)

  let frame = 0
  memory.view.onscroll = () => {
    if (!frame) frame = requestAnimationFrame(() => { frame = 0; draw(memory) })
  }
  memory.view.onkeydown = event => onKey(memory, event)
  memory.view.onclick = event => {
    const row = event.target.closest("[data-row]")
    if (!row) return
    const index = Number(row.dataset.row)
    if (event.target.classList.contains("caret")) fold(memory, index)
    else choose(memory, index)
  }
  zoomByDrag(memory)
  memory.observer = new ResizeObserver(() => draw(memory))
  memory.observer.observe(memory.view)
  return memory
}

function zoomByDrag(memory) {
  let from = null
  const fraction = event => Math.max(0, Math.min(1, (event.clientX - memory.ruler.getBoundingClientRect().left) / memory.ruler.clientWidth))
  memory.ruler.onpointerdown = event => {
    from = fraction(event)
    memory.ruler.setPointerCapture(event.pointerId)
  }
  memory.ruler.onpointerup = event => {
    if (from === null) return
    const [a, b] = [from, fraction(event)].sort((x, y) => x - y)
    from = null
    if (b - a < 0.01) return
    const [start, end] = span(memory)
    memory.zoom = [start + a * (end - start), start + b * (end - start)]
    layout(memory)
  }
  memory.ruler.ondblclick = () => {
    memory.zoom = null
    layout(memory)
  }
}

function prepare(memory, rows) {
  memory.rows = rows
  memory.order = null
  memory.cursor = -1
  const byId = new Map(rows.map((row, i) => [row.id, i]))
  memory.children = rows.map(() => [])
  const tops = []
  rows.forEach((row, i) => {
    const parent = byId.get(row.parent)
    if (parent === undefined || parent === i) tops.push(i)
    else memory.children[parent].push(i)
  })
  const byStart = (a, b) => rows[a].start - rows[b].start
  memory.tops = tops.sort(byStart)
  memory.children.forEach(list => list.sort(byStart))
  memory.end = Math.max(1, ...rows.map(row => Math.max(row.end, ...row.parts.map(part => part.end))))
}

function span(memory) {
  return memory.zoom || [0, memory.end]
}

// The rows in order, without those under a folded one. A loop in the data shows each row once.
function unfold(memory) {
  const seen = new Set()
  const stack = memory.tops.slice().reverse().map(i => [i, 0])
  memory.order = []
  const walk = () => {
    while (stack.length) {
      const [i, depth] = stack.pop()
      if (seen.has(i)) continue
      seen.add(i)
      memory.order.push([i, depth])
      const below = memory.children[i]
      if (memory.folded.has(i)) hide(i)
      else for (let k = below.length - 1; k >= 0; k--) stack.push([below[k], depth + 1])
    }
  }
  const hide = i => {
    const left = [...memory.children[i]]
    while (left.length) {
      const k = left.pop()
      if (seen.has(k)) continue
      seen.add(k)
      left.push(...memory.children[k])
    }
  }
  walk()
  memory.rows.forEach((_, i) => {
    if (!seen.has(i)) {
      stack.push([i, 0])
      walk()
    }
  })
}

function layout(memory) {
  const at = memory.order && memory.order[memory.cursor] ? memory.order[memory.cursor][0] : null
  unfold(memory)
  memory.cursor = memory.order.findIndex(([i]) => (at === null ? memory.rows[i].id === memory.chosen : i === at))
  memory.pad.style.height = memory.order.length * ROW + "px"
  memory.view.style.height = Math.min(memory.maxHeight, memory.order.length * ROW + 2) + "px"
  const [start, end] = span(memory)
  const ticks = memory.ruler.clientWidth < 420 ? 2 : 5
  memory.ruler.replaceChildren()
  for (let k = 0; k <= ticks; k++) {
    const tick = element("span", "tick" + (k === ticks ? " last" : ""), spanText(start + ((end - start) * k) / ticks))
    tick.style.left = (100 * k) / ticks + "%"
    memory.ruler.append(tick)
  }
  draw(memory)
}

function draw(memory) {
  if (!memory.order) return
  const top = memory.view.scrollTop
  const first = Math.max(0, Math.floor(top / ROW) - SPARE_ROWS)
  const last = Math.min(memory.order.length, Math.ceil((top + memory.view.clientHeight) / ROW) + SPARE_ROWS)
  const rows = []
  for (let place = first; place < last; place++) rows.push(rowElement(memory, place))
  memory.pad.replaceChildren(...rows)
  const at = memory.order[memory.cursor]
  if (at) memory.view.setAttribute("aria-activedescendant", "row-" + at[0])
  else memory.view.removeAttribute("aria-activedescendant")
}

function rowElement(memory, place) {
  const [i, depth] = memory.order[place]
  const row = memory.rows[i]
  const chosen = row.id === memory.chosen
  const made = element("div", "row" + (chosen ? " chosen" : "") + (place === memory.cursor ? " current" : ""))
  made.style.top = place * ROW + "px"
  made.id = "row-" + i
  made.dataset.row = i
  made.dataset.id = row.id
  made.setAttribute("role", "treeitem")
  made.setAttribute("aria-level", depth + 1)
  made.setAttribute("aria-selected", String(chosen))
  const name = element("div", "name")
  name.title = row.label
  name.style.paddingLeft = 6 + Math.min(depth, MAX_INDENT) * 12 + "px"
  const below = memory.children[i].length
  const folded = memory.folded.has(i)
  name.append(element("span", "caret", below ? (folded ? "▸" : "▾") : ""))
  if (row.state) {
    const [color, sign] = memory.states[row.state] || ["#8a8f98", "·"]
    const mark = element("span", "sign", sign)
    mark.style.background = color
    mark.title = row.state
    name.append(mark)
  } else {
    name.append(element("span", "sign hollow", row.sign || "·"))
  }
  name.append(element("span", row.mono === false ? "text" : "text mono", row.label))
  if (below) {
    made.setAttribute("aria-expanded", String(!folded))
    if (folded) name.append(element("span", "below", "+" + below))
  }
  made.append(name, lane(memory, row))
  return made
}

function lane(memory, row) {
  const [start, end] = span(memory)
  const at = ms => Math.max(0, Math.min(100, ((ms - start) / (end - start)) * 100))
  const inSight = part => part.end >= start && part.start <= end
  const made = element("div", "lane")
  made.title = row.tip
  for (const part of row.parts) {
    if (!inSight(part)) continue
    const bar = element("div", "part " + part.kind)
    bar.style.left = at(part.start) + "%"
    bar.style.width = "max(2px, " + (at(part.end) - at(part.start)) + "%)"
    const color = (memory.states[part.state] || [null])[0]
    if (color) bar.style.setProperty("--bar", color)
    made.append(bar)
  }
  const main = row.parts[row.parts.length - 1]
  if (main && inSight(main)) {
    const text = element("span", "says", row.says)
    if (at(main.end) < 82) text.style.left = "calc(" + at(main.end) + "% + 4px)"
    else if (at(main.start) > 18) text.style.right = "calc(" + (100 - at(main.start)) + "% + 4px)"
    else text.classList.add("inside")
    made.append(text)
  }
  return made
}

function fold(memory, index) {
  memory.folded.has(index) ? memory.folded.delete(index) : memory.folded.add(index)
  layout(memory)
}

function choose(memory, index) {
  memory.chosen = memory.rows[index].id
  memory.cursor = memory.order.findIndex(([i]) => i === index)
  draw(memory)
  memory.choose(memory.chosen)
}

// Scrolls to the row of the cursor where it is out of sight, and then leaves `spare` pixels beside it.
function bringIntoSight(memory, spare) {
  const y = memory.cursor * ROW
  if (y < memory.view.scrollTop) memory.view.scrollTop = y - spare
  const over = y + ROW - memory.view.scrollTop - memory.view.clientHeight
  if (over > 0) memory.view.scrollTop += over + spare
  draw(memory)
}

function onKey(memory, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !memory.order.length) return
  const last = memory.order.length - 1
  const here = Math.max(0, memory.cursor)
  const [index] = memory.order[here]
  const places = {
    ArrowDown: here + 1, j: here + 1, ArrowUp: here - 1, k: here - 1,
    Home: 0, End: last, PageDown: here + 15, PageUp: here - 15,
  }
  const folded = memory.folded.has(index)
  if (event.key in places) {
    memory.cursor = memory.cursor < 0 ? 0 : Math.max(0, Math.min(last, places[event.key]))
    bringIntoSight(memory, 0)
  } else if (event.key === "ArrowLeft" && memory.children[index].length && !folded) {
    fold(memory, index)
  } else if (event.key === "ArrowRight" && folded) {
    fold(memory, index)
  } else if (event.key === "Enter" || event.key === " ") {
    choose(memory, index)
  } else if (event.key === "+") {
    const row = memory.rows[index]
    const margin = Math.max(row.end - row.start, memory.end / 1000) * 0.05
    memory.zoom = [Math.max(0, row.start - margin), Math.min(memory.end, row.end + margin)]
    layout(memory)
  } else if (event.key === "-" && memory.zoom) {
    memory.zoom = null
    layout(memory)
  } else {
    return
  }
  event.preventDefault()
  event.stopPropagation()
}
