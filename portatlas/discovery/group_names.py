"""Words that people chose, as names of groups that Ansible takes. Pure."""

import re
from collections.abc import Iterable
from hashlib import blake2b

NOT_IN_A_NAME = re.compile("[^A-Za-z0-9_]")


def group_names(prefix: str, words: Iterable[str]) -> dict[str, str]:
    """
    Return a name for each word: letters, digits and underscores behind the prefix.

    Two words never share one. A word that needs no change has its own name whatever the others
    are; of those that would share one, all but the first get a digest of the word as well.

    >>> group_names("tag_", ["web", "front-end"])
    {'web': 'tag_web', 'front-end': 'tag_front_end'}
    >>> group_names("tag_", ["a-b", "a_b"])
    {'a_b': 'tag_a_b', 'a-b': 'tag_a_b_3e50d5'}
    """
    names: dict[str, str] = {}
    taken = set()
    for word in sorted(set(words), key=lambda each: (bool(NOT_IN_A_NAME.search(each)), each)):
        name = plain = prefix + NOT_IN_A_NAME.sub("_", word)
        digest = blake2b(word.encode(errors="surrogatepass")).hexdigest()
        length = 6
        while name in taken:
            name = f"{plain}_{digest[:length]}"
            length += 1
        names[word] = name
        taken.add(name)
    return names
