// Copies a text; falls back to a marked text area where the browser gives no clipboard (plain http elsewhere).
export default function (component) {
  const { data, parentElement } = component
  const root = parentElement.querySelector(".root")
  const button = element("button", "copy", data.label)
  button.title = data.help || ""
  button.onclick = async () => {
    const done = await copy(data.text)
    button.textContent = done ? "Copied" : "Could not copy"
    setTimeout(() => (button.textContent = data.label), 1500)
  }
  root.replaceChildren(button)

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text)
      return true
    } catch {
      const area = element("textarea")
      area.value = text
      area.style.cssText = "position:fixed;opacity:0"
      root.append(area)
      area.select()
      const done = document.execCommand("copy")
      area.remove()
      return done
    }
  }
}
