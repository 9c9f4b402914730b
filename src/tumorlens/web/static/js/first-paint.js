// Runs before the first paint, so that a chosen theme does not flash: see theme.js.
try {
  const theme = localStorage.getItem("tumorlens.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A browser may forbid storage; the system's theme holds then.
}
