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

// Goes to another of our pages as Back and Forward do, which Streamlit follows with one run and one entry in the
// history; asked from Python it would run this page again first, and leave an entry in between. False, and nothing
// done, where the address is of this very page: what changes there is for Python to say.
function follow(href) {
  const target = new URL(href, location.href)
  if (target.origin !== location.origin || target.pathname === location.pathname) return false
  history.pushState({}, "", target)
  dispatchEvent(new PopStateEvent("popstate"))
  return true
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

// A dotted name, which ends with what tells it from its neighbours: where there is no room its beginning is left out.
function dottedName(tag, className, name) {
  const made = element(tag, className + " dotted")
  made.append(element("bdi", "", name))
  return made
}

// What a mounted component remembers between runs; the default export runs again on every change of data or theme.
function remembered(store, parent, make) {
  if (!store.has(parent)) store.set(parent, make())
  return store.get(parent)
}

// Says by its own label whether it has copied the text. Falls back to a marked text area where the browser gives no
// clipboard (plain http elsewhere).
function copyButton(className, label, text) {
  const button = element("button", className, label)
  button.onclick = async () => {
    const done = await copied(text, button.parentElement)
    button.textContent = done ? "Copied" : "Could not copy"
    setTimeout(() => (button.textContent = label), 1500)
  }
  return button
}

async function copied(text, place) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = element("textarea")
    area.value = text
    area.style.cssText = "position:fixed;opacity:0"
    place.append(area)
    area.select()
    const done = document.execCommand("copy")
    area.remove()
    return done
  }
}
