// Only its style sheet counts.
export default function () {}
