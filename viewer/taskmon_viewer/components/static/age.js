const AGES = new WeakMap()

export default function (component) {
  const { data, parentElement } = component
  const root = parentElement.querySelector(".root")
  const memory = remembered(AGES, parentElement, () => ({ timer: 0 }))
  const began = performance.now() / 1000 - data.age
  clearInterval(memory.timer)
  function draw() {
    const seconds = Math.max(0, Math.floor(performance.now() / 1000 - began))
    const text = seconds < 120 ? seconds + " s" : seconds < 7200 ? Math.floor(seconds / 60) + " min" : Math.floor(seconds / 3600) + " h"
    root.textContent = "As of " + data.clock + ", " + text + " ago"
  }
  draw()
  memory.timer = setInterval(draw, 1000)
  return () => {
    clearInterval(memory.timer)
    AGES.delete(parentElement)
  }
}
