const place = document.getElementById("redoc");

// Redoc would show the logo of its makers from their server, which our policy forbids.
const image = HTMLImageElement.prototype;
const {setAttribute} = image;
const source = Object.getOwnPropertyDescriptor(image, "src");
const here = (address) => (/^https?:/.test(address) ? place.dataset.icon : address);
image.setAttribute = function (name, value) {
  setAttribute.call(this, name, name === "src" ? here(value) : value);
};
Object.defineProperty(image, "src", {
  ...source,
  set(value) { source.set.call(this, here(value)); },
});

// Its colours are settled when it is drawn. Its column of examples is dark anyway.
const dark = matchMedia("(prefers-color-scheme: dark)");
const DARK = {
  colors: {
    primary: {main: "#6fc3ee"},
    success: {main: "#7bd88f"},
    error: {main: "#ff9c9c"},
    text: {primary: "#e6edf3", secondary: "#b5c2cd"},
    border: {dark: "#52616f", light: "#2c3a46"},
    responses: {
      success: {color: "#7bd88f", backgroundColor: "#16281c", tabTextColor: "#7bd88f"},
      error: {color: "#ff9c9c", backgroundColor: "#2e1a1c", tabTextColor: "#ff9c9c"},
    },
  },
  schema: {nestedBackground: "#18222b", typeNameColor: "#b5c2cd", typeTitleColor: "#b5c2cd"},
  sidebar: {backgroundColor: "#18222b", textColor: "#e6edf3"},
  typography: {code: {color: "#ffb3c7", backgroundColor: "#18222b"}, links: {color: "#6fc3ee"}},
};
dark.addEventListener("change", () => location.reload());

// Without a search: its worker would come from a blob, which our policy forbids as well.
const theme = dark.matches ? DARK : {};
Redoc.init(place.dataset.schema, {disableSearch: true, theme}, place);
