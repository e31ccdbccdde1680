// Before the first paint: the theme that this reader chose, or the system's.
const dark = matchMedia("(prefers-color-scheme: dark)");
const useTheme = () => {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light");
};
dark.addEventListener("change", useTheme);
useTheme();
