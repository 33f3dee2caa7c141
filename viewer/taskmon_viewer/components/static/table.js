// Rows that are links: a plain click (or Enter) opens a row here, any other click is the browser's.
const TABLES = new WeakMap()

export default function (component) {
  const { data, parentElement, setTriggerValue, setStateValue } = component
  const root = parentElement.querySelector(".root")
  const memory = remembered(TABLES, parentElement, () => ({ current: -1, signature: null, ticked: new Set() }))
  if (memory.signature !== data.signature) {
    memory.signature = data.signature
    memory.current = -1
    if (memory.ticked.size) tick([...memory.ticked], false)
    const old = root.querySelector(".scroll")
    if (old) old.scrollTop = 0
  }
  const left = root.querySelector(".scroll")
  const position = left ? [left.scrollTop, left.scrollLeft] : [0, 0]
  const hadFocus = left !== null && left === left.getRootNode().activeElement

  const scroll = element("div", "scroll")
  scroll.tabIndex = 0
  scroll.setAttribute("role", "group")
  scroll.setAttribute("aria-label", data.label)
  if (data.height) scroll.style.maxHeight = data.height
  const table = element("table")
  if (data.least_width) table.style.minWidth = data.least_width + "px"
  const body = element("tbody")
  table.append(columnWidths(), head())
  data.rows.forEach((row, index) => body.append(rowElement(row, index)))
  table.append(body)
  scroll.append(table)
  root.replaceChildren(scroll)
  scroll.scrollTop = position[0]
  scroll.scrollLeft = position[1]
  if (hadFocus) scroll.focus({ preventScroll: true })
  const chosen = left === null && body.querySelector(".chosen")
  if (chosen) {
    const below = chosen.getBoundingClientRect().bottom - scroll.getBoundingClientRect().bottom
    if (below > 0) scroll.scrollTop += below + scroll.clientHeight / 2
  }

  scroll.onkeydown = event => {
    const rows = body.children
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key]
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (step && rows.length) {
      move(Math.max(0, Math.min(rows.length - 1, memory.current + step)))
    } else if (event.key === "Enter" && event.target === scroll && memory.current >= 0) {
      open(data.rows[memory.current].id, data.rows[memory.current].href)
    } else {
      return
    }
    event.preventDefault()
    event.stopPropagation()
  }
  return () => TABLES.delete(parentElement)

  function open(id, href) {
    if (!href || !follow(href)) setTriggerValue("open", id)
  }

  function move(index) {
    const rows = body.children
    if (rows[memory.current]) rows[memory.current].classList.remove("current")
    memory.current = index
    rows[index].classList.add("current")
    rows[index].scrollIntoView({ block: "nearest" })
  }

  function tick(ids, on) {
    for (const id of ids) on ? memory.ticked.add(id) : memory.ticked.delete(id)
    setStateValue("selected", [...memory.ticked])
  }

  function checkbox(label, on, change) {
    const box = element("input")
    box.type = "checkbox"
    box.checked = on
    box.setAttribute("aria-label", label)
    box.onchange = () => change(box.checked)
    return box
  }

  function columnWidths() {
    const group = element("colgroup")
    if (data.selectable) group.append(element("col", "tick"))
    for (const column of data.columns) {
      const col = element("col")
      if (column.width) col.style.width = column.width + "px"
      group.append(col)
    }
    return group
  }

  function head() {
    const row = element("tr")
    if (data.selectable) {
      const ids = data.rows.map(each => each.id)
      const cell = element("th", "tick")
      cell.append(checkbox("Select all rows", ids.length > 0 && ids.every(id => memory.ticked.has(id)), on => {
        body.querySelectorAll("input").forEach(box => { box.checked = on })
        tick(ids, on)
      }))
      row.append(cell)
    }
    for (const column of data.columns) {
      const cell = element("th", column.align === "right" ? "right" : "")
      cell.scope = "col"
      if (column.help) cell.title = column.help
      if (column.sort) {
        const chosen = data.sort && data.sort.key === column.sort
        const button = element("button", "sort" + (chosen ? " chosen" : ""), column.label)
        button.append(element("span", "arrow", chosen ? (data.sort.descending ? "▼" : "▲") : "↕"))
        button.onclick = () => setTriggerValue("sort", column.sort)
        cell.setAttribute("aria-sort", chosen ? (data.sort.descending ? "descending" : "ascending") : "none")
        cell.append(button)
      } else {
        cell.textContent = column.label
      }
      row.append(cell)
    }
    const made = element("thead")
    made.append(row)
    return made
  }

  function rowElement(row, index) {
    const made = element("tr", (row.chosen ? "chosen" : "") + (index === memory.current ? " current" : ""))
    made.dataset.id = row.id
    if (row.chosen) made.setAttribute("aria-current", "true")
    if (data.selectable) {
      const cell = element("td", "tick")
      cell.append(checkbox("Select this row: " + row.cells[0], memory.ticked.has(row.id), on => tick([row.id], on)))
      made.append(cell)
    }
    data.columns.forEach((column, i) => made.append(cellElement(column, row, row.cells[i])))
    made.onclick = event => {
      if (!isPlainClick(event) || event.target.closest("a, .tick")) return
      if (String(getSelection())) return // somebody marks text to copy it
      open(row.id, row.href)
    }
    made.onauxclick = event => {
      if (event.button === 1 && row.href && !event.target.closest("a")) window.open(row.href, "_blank", "noopener")
    }
    return made
  }

  function cellElement(column, row, value) {
    const cell = element("td", ["kind-" + column.kind + (column.kind === "mono" ? " mono" : ""), column.align === "right" ? "right" : ""].join(" "))
    const empty = value === "–" || value === ""
    if (column.kind === "state") {
      cell.append(stateBadge(value, data.states))
    } else if (column.kind === "swatch") {
      const mark = element("span", "swatch")
      mark.style.background = value
      cell.append(mark)
      return cell
    } else if (column.kind === "spark") {
      cell.append(spark(value))
      return cell
    } else if (row.links && row.links[column.label]) {
      const link = element("a", "", value)
      link.href = row.links[column.label]
      opens(link, row.id + "\n" + column.label, row.links[column.label])
      cell.append(link)
    } else if (column.link && row.href) {
      const link = element("a", "", value)
      link.href = row.href
      opens(link, row.id, row.href)
      cell.append(link)
    } else if (column.kind === "name") {
      cell.classList.add("dotted")
      cell.append(element("bdi", "", value))
    } else {
      cell.textContent = value
      if (empty) cell.classList.add("faint")
    }
    if (!empty && column.kind !== "state") cell.title = (row.titles && row.titles[column.label]) || value
    return cell
  }

  function opens(link, id, href) {
    link.onclick = event => {
      if (!isPlainClick(event)) return
      event.preventDefault()
      open(id, href)
    }
  }
}

// Numbers as a small line from the bottom (0) to the top (the largest).
function spark(text) {
  const numbers = text.split(",").map(Number)
  const most = Math.max(1, ...numbers)
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("class", "spark")
  svg.setAttribute("viewBox", "0 0 100 20")
  svg.setAttribute("preserveAspectRatio", "none")
  svg.setAttribute("aria-hidden", "true")
  const step = 100 / Math.max(1, numbers.length - 1)
  const line = document.createElementNS(svg.namespaceURI, "polyline")
  line.setAttribute("points", numbers.map((n, i) => (i * step).toFixed(1) + "," + (19 - 18 * n / most).toFixed(1)).join(" "))
  svg.append(line)
  return svg
}
