// A button that copies a text.
export default function (component) {
  const { data, parentElement } = component
  const root = parentElement.querySelector(".root")
  const button = copyButton("copy", data.label, data.text)
  button.title = data.help || ""
  root.replaceChildren(button)
}
