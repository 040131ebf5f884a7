r"""The table of what counts as a secret: RULES, the names of secret fields, the headers that may be kept.

A rule's pattern takes linear time on any text. So each has a left edge that is met once in a run of its
characters, or a bounded length; tests feed each rule a megabyte of its own beginnings.

Sources: the vendors' pages on key formats, the rules of gitleaks, GitHub's list of secret scanning patterns.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from respool.record.secret_shapes import (
    API_ID,
    always,
    basic,
    cookie,
    keylike,
    mixed,
    password,
    private_key,
    random_part,
    spelled_password,
    varied,
)

# Text before a secret may end with an escape of another layer: \n sk-..., %3Dsk-..., \u0026key=...
_ESCAPE = r"(?<=\\[bfnrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})"
EDGE = rf"(?:(?<![A-Za-z0-9])|{_ESCAPE})"
END = r"(?![A-Za-z0-9])"


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One kind of secret. The secret is the first group of the pattern, or all of it.

    Every text with such a secret has one of the `hints`, in lower case; other texts are not searched.
    """

    name: str
    pattern: re.Pattern[str]
    hints: tuple[str, ...] = ()
    accept: Callable[[str], bool] = always

    @property
    def group(self) -> int:
        """The number of the group that is the secret: the first one, or 0 for all of the match."""
        return min(self.pattern.groups, 1)


def _rule(name: str, pattern: str, hints: str, accept: Callable[[str], bool] = always) -> SecretRule:
    return SecretRule(name, re.compile(pattern), tuple(hints.split()), accept)


def _key(name: str, pattern: str, hints: str, accept: Callable[[str], bool] = varied) -> SecretRule:
    """Return the rule for a key with a known prefix."""
    return _rule(name, f"{EDGE}{pattern}", hints, accept)


_NAMES = (
    r"(?:api[-_ ]?key|secret[-_]?access[-_]?key|access[-_]?key|secret[-_]?key|account[-_]?key"
    r"|subscription[-_]?key|signing[-_]?key|encryption[-_]?key|client[-_]?secret|secret|access[-_]?token|refresh[-_]?token|id[-_]?token"
    r"|auth[-_]?token|session[-_]?token|security[-_]?token|bearer[-_]?token|token)"
)
_PASSWORDS = r"(?:password|passwd|passphrase|pwd)"
_ASSIGNED = r"""\\{0,3}["']?[ \t]{0,8}(?:=>|:=|[:=])[ \t]{0,8}\\{0,3}["']?"""
_AMPERSAND = r"&(?![A-Za-z_][\w.-]{0,40}=)"  # that does not begin the next parameter of a query
_QUERY = (
    r"(?:api[-_]?key|subscription-key|key|access_token|refresh_token|id_token|auth_token|token|client_secret|secret"
    r"|password|sig|signature|x-amz-signature|x-amz-security-token|x-amz-credential|x-goog-signature"
    r"|x-goog-credential|awsaccesskeyid|code|auth|session|sessionid|hmac|credential)"
)

# In order: where two rules find secrets that overlap, the first counts.
RULES: tuple[SecretRule, ...] = (
    _rule(
        "private-key",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[^-]|-(?!----)){0,16384}+"
        r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
        "private",
        private_key,
    ),
    _key("anthropic-key", r"sk-ant-[A-Za-z0-9_-]{16,}", "sk-ant-"),
    _key("openrouter-key", r"sk-or-[A-Za-z0-9_-]{16,}", "sk-or-"),
    _key("openai-key", r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{16,}", "sk-"),
    _key("openai-key", r"sk-[A-Za-z0-9_-]{16,}", "sk-", random_part),  # also DeepSeek, Moonshot, LiteLLM
    _key("openai-session", r"sess-[A-Za-z0-9]{32,}", "sess-"),
    _key("google-key", r"AIza[A-Za-z0-9_-]{35}", "aiza"),
    _key("google-oauth", r"(?:ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,})", "ya29. gocspx-"),
    _key("aws-access-key", rf"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{16}}{END}", "akia asia abia acca"),
    _key(
        "aws-bedrock-key",
        r"(?:ABSK[A-Za-z0-9+/]{60,}={0,2}|bedrock-api-key-[A-Za-z0-9+/=]{40,})",
        "absk bedrock-api-key-",
    ),
    _rule(
        "aws-secret-key",
        rf"(?i:aws|secret)[A-Za-z_ .-]{{0,24}}(?i:key){_ASSIGNED}"
        r"([A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=])",
        "aws secret",
        mixed,
    ),
    _key("azure-key", rf"[A-Za-z0-9]{{52}}JQQJ99[A-Za-z0-9]{{26}}{END}", "jqqj99"),
    _rule("azure-storage-key", r"(?i:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,88}={0,2})", "key="),
    _key("azure-client-secret", r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}", "q~"),
    _key(
        "github-token",
        r"(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
    ),
    _key("gitlab-token", r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_.-]{16,}", "gl", mixed),
    _key("slack-token", r"(?:xox[abeprs]|xapp|xoxe\.xox[bp])-[A-Za-z0-9-]{10,}", "xox xapp-", mixed),
    _rule(
        "slack-webhook",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20,})",
        "hooks.slack.com",
    ),
    _rule(
        "discord-webhook",
        r"discord(?:app)?\.com/api/webhooks/([0-9]{5,30}/[A-Za-z0-9_-]{20,})",
        "/webhooks/",
    ),
    _key("stripe-key", r"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}", "k_live_ k_test_"),
    _key("webhook-secret", r"whsec_[A-Za-z0-9+/_-]{20,}={0,2}", "whsec_"),
    _key("huggingface-token", r"(?:hf|api_org)_[A-Za-z0-9]{20,}", "hf_ api_org_"),
    _key("npm-token", r"npm_[A-Za-z0-9]{30,}", "npm_"),
    _key("pypi-token", r"pypi-[A-Za-z0-9_-]{40,}", "pypi-"),
    _key("twilio-key", rf"SK[0-9a-f]{{32}}{END}", "sk", mixed),
    _key("sendgrid-key", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}", "sg."),
    _key("mailgun-key", rf"key-[0-9a-f]{{32}}{END}", "key-", mixed),
    _key("xai-key", r"xai-[A-Za-z0-9_-]{20,}", "xai-", random_part),
    _key("groq-key", r"gsk_[A-Za-z0-9]{20,}", "gsk_"),
    _key("perplexity-key", r"pplx-[A-Za-z0-9]{20,}", "pplx-"),
    _key("replicate-token", r"r8_[A-Za-z0-9]{30,}", "r8_"),
    _key("nvidia-key", r"nvapi-[A-Za-z0-9_-]{20,}", "nvapi-"),
    _key("fireworks-key", r"fw_[A-Za-z0-9]{20,}", "fw_", mixed),
    _key("cerebras-key", r"csk-[A-Za-z0-9]{20,}", "csk-", mixed),
    _key("tavily-key", r"tvly-[A-Za-z0-9_-]{16,}", "tvly-", random_part),
    _key("langsmith-key", r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{20,}", "lsv2_"),
    _key("langfuse-key", r"[sp]k-lf-[A-Za-z0-9-]{20,}", "k-lf-"),
    _key("databricks-token", rf"dapi[0-9a-f]{{32}}{END}", "dapi", mixed),
    _key("digitalocean-token", r"do[opr]_v1_[0-9a-f]{64}", "_v1_"),
    _key("shopify-token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", "shp"),
    _key("linear-key", r"lin_api_[A-Za-z0-9]{20,}", "lin_api_"),
    _key("notion-token", r"ntn_[A-Za-z0-9]{30,}", "ntn_"),
    _key("vault-token", r"hv[sb]\.[A-Za-z0-9_-]{24,}", "hvs. hvb."),
    _key("docker-token", r"dckr_[po]at_[A-Za-z0-9_-]{20,}", "dckr_"),
    _key("telegram-token", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", ":aa"),
    _rule(
        "jwt",
        rf"(?:(?<![A-Za-z0-9_-])|{_ESCAPE})eyJ[A-Za-z0-9_-]{{8,}}+\.[A-Za-z0-9_-]{{8,}}+\.[A-Za-z0-9_-]{{8,}}+"
        r"(?:\.[A-Za-z0-9_-]{0,4096}){0,2}",
        "eyj",
    ),
    _rule(
        "basic-auth",
        rf"{EDGE}(?i:basic)[ \t]{{1,4}}([A-Za-z0-9+/_-]{{8,}}={{0,2}})",
        "basic",
        basic,
    ),
    _rule(
        "url-password",
        r"://[^\s/:@\"'<>\\]{0,128}:([^\s/@\"'<>\\]{3,256})@",
        "://",
        password,
    ),
    _rule(
        "bearer-token",
        rf"{EDGE}(?i:bearer)(?:[ \t]{{1,4}}|%20|\+)([A-Za-z0-9._~+/-]{{16,}}={{0,2}})",
        "bearer",
        random_part,
    ),
    _rule(
        "bearer-token",
        rf"(?i:authorization){_ASSIGNED}(?i:bearer|token|apikey)[ \t]{{1,4}}([A-Za-z0-9._~+/=-]{{6,4096}}+)",
        "authorization",
        spelled_password,
    ),
    _rule(
        "cookie",
        r"(?i:\b(?:set-)?cookie)[\"']?[ \t]{0,4}:[ \t]{0,4}[\"']?"
        r"([A-Za-z0-9_.-]{1,64}=[^\s\"'\\][^\r\n\"'\\]{7,4096})",
        "cookie",
        cookie,
    ),
    _rule(
        "query-parameter",
        rf"(?:[?&;]|%3[fF]|%26|\\u0026)(?i:{_QUERY})=([^\s&#\"'<>\\;)\]}}]{{16,4096}})",
        "=",
        keylike,
    ),
    _rule(
        "named-secret",
        rf"(?i:{_NAMES}){_ASSIGNED}([A-Za-z0-9._~+/=-]{{16,4096}}+)(?![(\[])",
        "key secret token",
        keylike,
    ),
    _rule(
        "named-password",
        rf"(?i:{_PASSWORDS}){_ASSIGNED}((?:[^\s\"'<>\\,;&()\[\]{{}}]|{_AMPERSAND}){{6,256}}+)(?![(\[])",
        "passw passp pwd",
        spelled_password,
    ),
)


def _named(value: str) -> bool:
    """Return True if the value of a field for keys is one."""
    return len(value) >= 8 and " " not in value and mixed(value) and not API_ID.match(value)


# The rules for fields with a secret value, by the field's name without "-", "_" and case.
_FIELDS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    **dict.fromkeys(
        "password passwd passphrase pwd clientsecret authorization proxyauthorization xapikey".split(),
        ("named-password", password),
    ),
    **dict.fromkeys(
        "apikey secret secretkey secretaccesskey accesskey accountkey subscriptionkey signingkey "
        "encryptionkey accesstoken refreshtoken idtoken authtoken sessiontoken securitytoken bearertoken "
        "privatekey xauthtoken sharedsecret webhooksecret".split(),
        ("named-secret", _named),
    ),
    "token": ("named-secret", keylike),  # a logprob has a "token", too
    **dict.fromkeys("cookie setcookie".split(), ("cookie", cookie)),
}
_SUFFIXES = ("apikey", "password", "clientsecret", "accesstoken", "secretkey", "secretaccesskey", "authtoken")


# The scheme before the secret in a header.
SCHEME = re.compile(r"(?:Bearer|Basic|Token|ApiKey)[ \t]+", re.IGNORECASE)


def field_rule(name: str) -> tuple[str, Callable[[str], bool]] | None:
    """Return the name of the rule for a field of this name, and the test for its values."""
    plain = name.casefold().replace("-", "").replace("_", "")
    if found := _FIELDS.get(plain):
        return found
    suffix = next((suffix for suffix in _SUFFIXES if plain.endswith(suffix)), None)
    return _FIELDS[suffix] if suffix else None


# Fields without readable text: ciphertext and pictures.
OPAQUE_FIELDS = frozenset({"encrypted_content", "b64_json", "partial_image_b64", "obfuscation"})
# The same within a text.
OPAQUE = re.compile(
    r"data:(?:image|audio|video)/[A-Za-z0-9.+-]{1,64};base64,[A-Za-z0-9+/=\s]+|(?<![A-Za-z0-9_-])gAAAA[A-Za-z0-9_-]{80,}={0,2}"
)

USER_RULES = ("user", "pointer", "hook", "header")
RULE_NAMES: tuple[str, ...] = tuple(dict.fromkeys([*(rule.name for rule in RULES), *USER_RULES]))

# The placeholder for a secret: letters, digits and "-" are legal in JSON, URLs, headers and cookies.
PLACEHOLDER = re.compile(rf"REDACTED-({'|'.join(map(re.escape, RULE_NAMES))})-([0-9]{{1,9}})")
