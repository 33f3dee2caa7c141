// Goes where the data says, once per turn: the default export runs again when the theme changes.
let turn = ""

export default function (component) {
  const { data } = component
  if (data.turn === turn) return
  turn = data.turn
  follow(data.href)
}
