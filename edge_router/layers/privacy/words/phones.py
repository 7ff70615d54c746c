"""Words that a phone number stands behind, by language."""

from __future__ import annotations

__all__ = ["BETWEEN", "PHONE"]

# No bare words for a number: invoices and orders have one too.
PHONE: dict[str, str] = {
    "en": (
        r"phone telephone tel call mobile cell fax whatsapp sms ring ph hp cellphone smartphone"
        r" (?:reach|text)\ (?:me|us|her|him|them|you|at|on) dial landline my\ number get\ me wa\.me"
    ),
    "de": r"telefon\w{0,12} handy\w{0,12} mobil\w{0,12} mobile natel festnetz\w{0,8} rufnummer"
          r" nummer ruf rufen anrufen erreichst erreichen fon durchwahl",
    "fr": r"téléphone tél portable appelez appelle appeler mon\ numéro gsm mobile joindre"
          r" joignable fixe",
    "es": r"teléfono tel tfno tlfno móvil celular cel fono mi\ número numero llámame llamar"
          r" llámeme llame whatsapp",
    "pt": r"telefone telemóvel telemovel celular meu\ número me\ ligu?[ae]"
          r" lig(?:a|ue)\ (?:pra|para) ligar whats zap fone contacto",
    "it": r"telefono cellulare cell numero chiamami chiamare chiamate chiama recapito",
    "nl": r"telefoon\w{0,8} gsm gsm-nummer mobiel nummer bel bellen belt",
    "da": r"telefon\w{0,8} tlf mobil\w{0,8} nummer ring ringe",
    "sv": r"telefon\w{0,8} tel mobil\w{0,8} nummer ring ringa",
    "fi": r"puhelin\w{0,10} puh matkapuhelin\w{0,6} numero soita gsm",
    "pl": r"telefon\w{0,4} tel kom komórka mój\ numer zadzwoń dzwonić zadzwon",
    "cs": r"telefon\w{0,4} tel mobil moje\ číslo zavolej zavolejte zavolaj zavolajte volej",
    "hu": r"telefonszám\w{0,4} telefon\w{0,4} mobil\w{0,4} hívj hívjon a\ számom",
    "ro": r"telefon\w{0,4} numărul\ meu sună-mă sunați mobil",
    "hr": r"telefon\w{0,4} mobitel moj\ broj nazovi nazovite",
    "el": r"τηλέφωνό τηλέφωνο τηλ κινητό κιν πάρε κάλεσε",
    "tr": r"telefon\w{0,6} tel cep numaram gsm ara arayın",
    "ru": r"телефон\w{0,3} тел мой\ номер мобильный позвони позвоните звони звоните моб",
    "uk": r"телефон\w{0,3} мій\ номер подзвони зателефонуй дзвони моб",
    "he": r"טלפון נייד פלאפון תתקשר המספר\ שלי",
    "ar": "هاتف هاتفي جوال جوالي موبايل رقمي تلفون",
    "fa": "تلفن موبایل همراه",
    "hi": "फ़ोन फोन मोबाइल",
    "zh": "电话 手机 電話 手機 电话号码 手机号 手机号码 联系电话 聯絡電話",
    "ja": "電話 携帯 電話番号 携帯番号 連絡先",
    "ko": "전화 휴대폰 전화번호 연락처 핸드폰",
    "th": "โทร เบอร์ มือถือ โทรศัพท์",
    "vi": r"điện\ thoại sđt số\ điện\ thoại gọi di\ động",
    "id": r"telepon telp hp nomor\ (?:saya|wa) hubungi",
    "tl": r"numero tawagan",
    "sw": r"simu nipigie",
}  # fmt: skip
"""Each word is a pattern; "\\ " is a blank within one."""

BETWEEN: dict[str, str] = {
    "en": "number no nr num s is are at on under to me us him her them you back now the my new"
          " today tonight tomorrow mom mum dad",
    "de": "ist lautet unter nummer nr mich uns an zurück die heute morgen",
    "fr": "est le au numéro n de moi sur",
    "es": "es el al número num de mi en hoy mañana mamá papá",
    "pt": "é o no número num de meu me mim minha",
    "it": "è il al numero di mio",
    "nl": "is op nummer mij me het",
    "da": "er på nummer mig meg nr til",
    "sv": "är på nummer mig nr",
    "fi": "on ni numero nro",
    "pl": "to jest pod numer nr mój kom na do mnie",
    "cs": "je na číslo mi mně",
    "hu": "a az",
    "ro": "este la meu de mă",
    "hr": "je na moj broj",
    "el": "μου είναι στο με",
    "tr": "no numaram numarası beni",
    "ru": "номер номеру мой это на по мне",
    "uk": "номер мій це на за",
    "he": "שלי הוא מספר",
    "ar": "رقم هو",
    "fa": "من",
    "hi": "नंबर है मेरा",
    "zh": "号码 号 是 为 號碼",
    "ja": "番号 は 号 の",
    "ko": "번호 는 은",
    "th": "คือ ของ ผม ฉัน",
    "vi": "số là của tôi mình",
    "id": "nomor saya adalah di ke",
}  # fmt: skip
"""What may stand between such a word and the number."""
