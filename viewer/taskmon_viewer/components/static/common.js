// Put in front of every component. Text from tasks enters the page through element() alone, as textContent.
function element(tag, className, text) {
  const made = document.createElement(tag)
  if (className) made.className = className
  if (text !== undefined && text !== null) made.textContent = String(text)
  return made
}

// A click that means "open here": with a modifier or another button the browser opens the link as it likes.
function isPlainClick(event) {
  return event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey
}

// Sign, name and colour of a state; `states` is {name: [colour, sign, meaning]}.
function stateBadge(state, states) {
  const [color, sign, meaning] = states[state] || ["#8a8f98", "·", ""]
  const badge = element("span", "state")
  badge.title = meaning
  const mark = element("span", "sign", sign)
  mark.style.background = color
  mark.setAttribute("aria-hidden", "true")
  badge.append(mark, element("span", "state-name", state || "–"))
  return badge
}

// What a mounted component remembers between runs; the default export runs again on every change of data or theme.
function remembered(store, parent, make) {
  if (!store.has(parent)) store.set(parent, make())
  return store.get(parent)
}
