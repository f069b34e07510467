"""How a refusal, filler, an insult, a complaint and a person's data are worded."""

import re

_SOURCE = (
    r"(?:context|handbook|documents?|passages?|texts?|information|sources?|excerpts?|it|they|"
    r"that|this)"
)
_SAY = r"(?:say|mention|state|contain|hold|cover|specify|tell|give|include|answer|address|provide)"
_NOT = r"(?:n['\u2019]t| not|not)"
REFUSAL = re.compile(
    r"\b(?:"
    rf"i (?:do|can|could|will|would|am|wo|ca){_NOT}\b[^.,;]*?\b(?:know|answer|help|say|tell|find|"
    r"provide|determine|sure|certain|able)"
    r"|i(?:['\u2019]m| am) (?:sorry|not sure|not certain|unable|not able)"
    r"|i have no (?:information|answer|idea)"
    rf"|could{_NOT} find out"
    rf"|{_SOURCE}\s+(?:does|do){_NOT} {_SAY}\b(?! who\b)"
    rf"|{_SOURCE}\s+(?:holds?|says?|mentions?|contains?|have|has) (?:nothing|no information)"
    r"|(?:is|are|was)(?: not|n['\u2019]t) (?:mentioned|stated|covered|specified|given|"
    r"(?:in|part of) the (?:context|handbook|documents?|passages?))"
    r"|no (?:information|mention|answer)\b"
    r")|^\W*(?:unable to|not able to|can(?:not|['\u2019]t)) ",
    re.IGNORECASE,
)
"""An answer that declines to answer, in the first person or by what the source does not say."""

FILLER = re.compile(
    r"\b(?:as an ai|i hope this helps|it is important to note|in conclusion|great question|"
    r"feel free to|please let me know|let me know if|happy to help)\b"
    r"|^(?:certainly|sure|of course|absolutely)\b[!,.]",
    re.IGNORECASE,
)
INSULT = re.compile(
    r"\b(?:idiots?(?!-)|stupid|morons?|dumb|worthless|useless (?:people|person|lot)|shut up|"
    r"i hate you|hate (?:all|those|these)|kill (?:you|him|her|them)|disgusting|vermin|go to hell|"
    r"loser)\b",
    re.IGNORECASE,
)
COMPLAINT = re.compile(
    r"\b(?:that(?:['\u2019]s| is| was) (?:wrong|not (?:what|right|true|correct))|not what i|"
    r"i (?:already )?(?:said|told|meant|asked)|i (?:ask|say|repeat)\b[^.?!]* again|"
    r"you (?:did not|didn['\u2019]t|do not|don['\u2019]t|never) (?:answer|listen|read|understand)|"
    r"you(?:['\u2019]re| are) (?:wrong|not)|(?:that|this)(?:['\u2019]s| is) (?:useless|annoying)|"
    r"(?:misunderst\w+|misread\w*) (?:me|my|that|it|this)|frustrat\w*|"
    r"read my (?:question|message)|come on)\b"
    r"|^\W*(?:no[,!.](?! (?:thank|problem|worr))|stop (?:it|that)\b|again[:,!])|\?{2,}",
    re.IGNORECASE,
)
ADMISSION = re.compile(
    r"\b(?:errors?|fail\w*|fault\w*|unavailable|not available|unreachable|try (?:it )?(?:again|"
    r"later)|try again later|(?:does|did)(?: not|n['\u2019]t) (?:respond|answer|work|reply)|"
    r"no (?:result|such))\b",
    re.IGNORECASE,
)
"""A reply that owns that a tool did not do its work."""

PERSONAL = {
    "an e-mail address": r"\b[\w.+-]+@[\w-]+\.\w[\w.-]*",
    "a social security number": r"\b\d{3}-\d{2}-\d{4}\b",
    "an account number": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b",
    "a card number": r"\b\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,4}\b",
    "a phone number": (
        r"(?<![\w.,/-])(?:\+\d[\d ()./-]{6,16}\d|\(?0\d{2,5}\)?[ ./-]\d[\d ./-]{3,10}\d|"
        r"(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4})\b"
    ),
}
"""Patterns by what they find, each looked for in what those before it left."""
