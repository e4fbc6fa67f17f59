"""Words of the sweep as what a column may hold."""


def choices(words) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ")) for word in words]
