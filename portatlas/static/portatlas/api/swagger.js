// Swagger UI has its own dark colours, under the name that its switch gives to the page. We have
// no switch: it follows the system, as our other pages do.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
