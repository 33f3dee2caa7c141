// When the session ends the page's connection is closed, and all that Streamlit can say of it is "status 401". Loading
// the page anew leads to the login, and from there back to this address.
let watching = false

function watchSession(asked) {
  if (watching) return
  watching = true
  const state = "data-test-connection-state"
  new MutationObserver(async changes => {
    if (changes.every(change => change.target.getAttribute(state) === "CONNECTED")) return
    try {
      if ((await fetch(asked, { cache: "no-store" })).status === 401) location.reload()
    } catch {
      return // nobody answers: Streamlit says so, and goes on trying
    }
  }).observe(document.documentElement, { subtree: true, attributes: true, attributeFilter: [state] })
}

export default function (component) {
  const { data, parentElement } = component
  const root = parentElement.querySelector(".root")
  const name = element("span", "name", data.name)
  name.title = data.name
  const parts = [name, element("span", "faint", data.role)]
  if (data.logout) {
    const form = element("form")
    form.method = "post"
    form.action = data.logout
    const out = element("button", "out", "Log out")
    out.title = "Log out " + data.name + " (" + data.role + ")"
    form.append(out)
    parts.push(form)
  }
  root.replaceChildren(...parts)
  watchSession(data.asked)
}
