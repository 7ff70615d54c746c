"""Words for a password, and for a code of some digits, by language."""

from __future__ import annotations

__all__ = ["CODES", "LINKS", "PASSWORDS"]

PASSWORDS: dict[str, str] = {
    "en": r"pass(?:word|wd|phrase|code) passwd pwd passkey",
    "de": "passwort kennwort",
    "fr": r"mot\ de\ passe mdp",
    "es": "contraseña clave",
    "pt": r"senha palavra-passe",
    "it": r"password parola\ d'ordine",
    "nl": "wachtwoord",
    "da": "adgangskode kodeord passord",
    "sv": "lösenord",
    "fi": "salasana",
    "pl": "hasło",
    "cs": "heslo",
    "hu": "jelszó",
    "ro": "parolă parola",
    "hr": "lozinka geslo",
    "lt": "slaptažodis",
    "et": "parool",
    "el": r"κωδικός συνθηματικό",
    "tr": "şifre şifrem parola parolam",
    "ru": r"парол(?:ь|я)",
    "he": "סיסמה סיסמא הסיסמה",
    "ar": r"كلمة\ المرور كلمة\ السر",
    "fa": r"رمز\ عبور گذرواژه",
    "hi": "पासवर्ड",
    "zh": "密码(?!学) 密碼(?!學) 口令",
    "ja": "パスワード",
    "ko": "비밀번호 암호(?!화|학)",
    "th": "รหัสผ่าน",
    "vi": r"mật\ khẩu",
    "id": r"kata\ sandi sandi katalaluan",
}

LINKS = (
    "is was ist war lautet est es era è é to är er on je jest este είναι bu adalah là"
    " olan هو هي است"
    " 是 为 為 は が 는 은 है คือ это"
)
"""What may stand between such a word and the password."""

CODES: dict[str, str] = {
    "en": (
        r"(?:verification|security|unlock|door|gate|alarm|safe|entry|confirmation|one-time|sms|2fa"
        r"|login|access|voicemail)\ code puk cvv cvc cvv2 (?-i:TAN)"
    ),
    "network": r"(?:wlan|wi-?fi|wpa[23]?|netzwerk|router)[\ \-](?:key|code|schlüssel|passwor[dt])",
    "de": r"(?:sicherheits|bestätigungs|tür|zugangs|entsperr)code",
    "fr": r"code\ (?:de\ (?:sécurité|vérification|confirmation)|d'accès|secret|porte)",
    "es": r"código\ (?:de\ (?:seguridad|verificación|acceso|confirmación)|secreto)",
    "pt": r"código\ de\ (?:segurança|verificação|acesso|confirmação)",
    "it": r"codice\ (?:di\ (?:sicurezza|verifica|accesso|conferma)|segreto)",
    "nl": "beveiligingscode verificatiecode pincode toegangscode",
    "sv": "pinkod säkerhetskod",
    "pl": r"kod\ (?:pin|dostępu|weryfikacyjny|do\ domofonu)",
    "ru": r"код\ (?:подтверждения|доступа|безопасности|из\ смс) пин-код",
    "zh": "验证码 驗證碼 动态码 密码 密碼 口令",
    "ja": "確認コード 認証コード 暗証番号",
    "ko": "인증번호 비밀번호",
}
