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
}
