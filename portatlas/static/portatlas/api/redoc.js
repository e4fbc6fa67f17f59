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

// Without a search: its worker would come from a blob, which our policy forbids as well.
Redoc.init(place.dataset.schema, {disableSearch: true}, place);
