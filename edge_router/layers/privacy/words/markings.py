"""Words by which a text says that it is confidential, by language; those of English are patterns.

A label stands at the beginning of a line with punctuation behind it; a saying stands anywhere.
"""

from __future__ import annotations

__all__ = ["ANYWHERE", "LABELS", "SAYINGS"]

LABELS: dict[str, str] = {
    "en": (
        r"(?:(?:strictly|highly|company|commercial(?:ly)?|private\ (?:and|&)"
        r"|privileged\ (?:and|&)|internal\ (?:and|&)|proprietary\ (?:and|&))[\ -])?confidential"
        r" (?:strictly|most)\ private top[\ -]secret commercial[\ -]in[\ -]confidence"
        r" nda[\ -](?:protected|only) internal(?:\ use)?\ only classified"
        r" for\ internal\ (?:use|eyes|circulation)(?:\ only)?"
        r" not\ for\ (?:distribution|publication|circulation|external\ use|(?:public\ )?release)"
        r" do\ not\ (?:distribute|share|forward|circulate|disclose|copy)(?:\ or\ \w{4,12})?"
        r" (?:for\ )?your\ eyes\ only"
    ),
    "de": (
        r"streng\ vertraulich vertraulich streng\ geheim geheim verschlusssache nicht\ weitergeben"
        r" nur\ (?:für\ den\ internen\ gebrauch|intern|für\ den\ dienstgebrauch)"
    ),
    "fr": (
        r"(?:strictement\ )?confidentiel(?:le)? (?:document\ )?(?:à\ )?usage\ interne"
        r" ne\ pas\ (?:diffuser|divulguer|transmettre) secret\ défense diffusion\ restreinte"
    ),
    "es": (
        r"(?:estrictamente\ |altamente\ )?confidencial (?:para\ )?uso\ interno"
        r" no\ (?:difundir|divulgar|compartir) alto\ secreto"
    ),
    "pt": r"(?:estritamente\ )?confidencial uso\ interno não\ (?:divulgar|partilhar|compartilhar)",
    "it": (
        r"(?:strettamente\ )?(?:riservat[oa]|confidenziale) riservatissim[oa] non\ divulgare"
        r" (?:per\ )?uso\ interno"
    ),
    "nl": r"(?:strikt\ )?vertrouwelijk voor\ intern\ gebruik niet\ (?:delen|verspreiden) geheim",
    "da": (
        r"(?:strengt\ )?fortrolig[t]? (?:strengt\ )?konfidensiel[lt]?"
        r" kun\ (?:til|for)\ intern\ bruk?g?"
    ),
    "sv": (
        r"(?:strängt\ )?konfidentiell?t? endast\ för\ internt\ bruk sekretess"
        r" hemlig(?:t|stämplad)?"
    ),
    "fi": r"luottamuksellinen salainen vain\ sisäiseen\ käyttöön",
    "pl": r"(?:ściśle\ )?poufne tajne do\ użytku\ wewnętrznego",
    "cs": r"(?:přísně\ )?(?:důvěrné|tajné|dôverné) pouze\ pro\ interní\ potřebu",
    "hu": r"(?:szigorúan\ )?(?:bizalmas|titkos) belső\ használatra",
    "ro": r"(?:strict\ )?confidențial uz\ intern",
    "hr": r"(?:strogo\ )?povjerljivo poverljivo",
    "el": r"(?:άκρως\ |αυστηρά\ )?(?:εμπιστευτικό|απόρρητο|εμπιστευτικά)",
    "tr": r"(?:çok\ )?gizli gizlidir hizmete\ özel",
    "ru": r"(?:строго\ )?конфиденциально для\ служебного\ пользования (?:совершенно\ )?секретно",
    "uk": r"(?:суворо\ )?конфіденційно (?:цілком\ )?таємно",
    "id": r"(?:sangat\ )?rahasia",
    "vi": r"(?:tuyệt\ )?mật bảo\ mật",
    "he": r"(?:סודי\ ביותר) סודי חסוי",
    "ar": r"(?:سري\ للغاية) سري",
    "fa": r"محرمانه",
    "hi": r"गोपनीय अत्यंत\ गोपनीय",
    "zh": r"机密 絕密 绝密 保密 機密 内部资料",
    "ja": r"社外秘 部外秘 極秘 機密 秘密",
    "ko": r"대외비 기밀 극비 비밀",
    "th": r"ลับ ลับมาก ลับที่สุด",
}

SAYINGS: dict[str, str] = {
    "de": (
        r"(?:sag(?:t|en)?|erzähl\w*)\ (?:es\ |das\ )?(?:bitte\ )?niemande[mn]"
        r" niemandem\ (?:sagen|erzählen|weitersagen) (?:das\ )?bleibt\ unter\ uns"
        r" unter\ uns\ gesagt"
        r" vertraulich\ (?:behandeln|bleiben|zu\ behandeln)"
        r" behand(?:le|elt?|eln)\ (?:es|das|dies|sie)\ (?:bitte\ )?vertraulich"
        r" darf\ niemand\ (?:wissen|erfahren)"
        r" niemand\ darf\ (?:es|das|davon)\ (?:wissen|erfahren)"
        r" (?:weiß|wissen)\ (?:sonst\ |noch\ )niemand"
        r" noch\ nicht\ (?:öffentlich|angekündigt) nicht\ an\ dritte\ weiter\w*"
        r" (?:das|dies|es)\ (?:ist|bleibt)\ (?:\w+\ )?vertraulich"
        r" vertraulich(?:e[rsn]?)?\ (?:entwurf|notiz|unterlage|bericht|memo|protokoll"
        r"|information)\w*"
    ),
    "fr": (
        r"n['’]en\ parle[zr]?\ à\ personne à\ ne\ pas\ (?:divulguer|diffuser)"
        r" ne\ (?:dis|dites)\ rien\ à\ personne c['’]est\ un\ secret(?=[,.:;!])"
        r" ne\ (?:le\ |la\ |l['’])?(?:dis|dites|dire|répète|répétez|raconte)\w*"
        r"\ (?:ça\ |cela\ )?à\ personne"
        r" (?:reste|rester|garder?)\ entre\ nous personne\ (?:d['’]autre\ )?n['’]est\ au\ courant"
        r" pas\ encore\ (?:annoncé|rendu\ public)\w*"
        r" garde[rz]?\ (?:ça|cela|ceci)\ (?:pour\ toi|pour\ vous|secret)"
        r" (?:c['’]est|ceci\ est|cela\ reste)\ (?:\w+\ )?confidentiel"
        r" (?:note|brouillon|rapport|document|projet)\ (?:strictement\ )?confidentiel(?:le)?"
    ),
    "es": (
        r"no\ lo\ comentes?\ con\ nadie"
        r" no\ (?:se\ )?(?:lo|la)\ (?:digas|cuentes|diga|cuente|digan|cuenten)\ a\ nadie"
        r" que\ no\ se\ lo\ (?:diga|cuente)\ a\ nadie quede?a?\ entre\ nosotros"
        r" nadie\ (?:más\ )?lo\ sabe (?:aún|todavía)\ no\ (?:es\ público|se\ ha\ anunciado)"
        r" (?:esto|eso)\ es\ (?:\w+\ )?confidencial guárdame\ el\ secreto"
        r" es\ un\ secreto(?=[,.:;!])"
        r" (?:nota|borrador|informe|documento|correo|memorando?)\ (?:estrictamente\ )?confidencial"
    ),
    "pt": (
        r"não\ (?:conte|diga|contes|digas)\ (?:isto\ |isso\ )?a\ ninguém"
        r" fi(?:ca|que)\ entre\ nós é\ segredo(?=[,.:;!]|$)"
        r" iss?[ot]\ é\ (?:\w+\ )?confidencial (?:rascunho|relatório)\ confidencial"
    ),
    "it": (
        r"non\ (?:dirlo|dire|raccontarlo|ditelo)\ a\ nessuno rest[ia]\ tra\ (?:di\ )?noi"
        r" non\ parlarne\ con\ nessuno è\ un\ segreto(?=[,.:;!])"
        r" questo\ è\ (?:\w+\ )?riservato (?:documento|bozza)\ (?:strettamente\ )?riservat[oa]"
    ),
    "nl": (
        r"(?:vertel|zeg)\ (?:het\ |dit\ )?(?:aan\ |tegen\ )?niemand niet\ doorvertellen"
        r" blijft\ onder\ ons dit\ is\ (?:\w+\ )?vertrouwelijk"
    ),
    "da": r"(?:sig|fortæl)\ (?:det\ )?(?:ikke\ )?(?:til\ )?(?:nogen|ingen) bliver\ mellem\ os",
    "sv": (
        r"(?:säg|berätta)\ (?:det\ |inte\ )?(?:inte\ |inget\ )?(?:till|för)\ (?:någon|ingen)"
        r" stannar\ mellan\ oss"
    ),
    "fi": r"älä\ kerro\ (?:tätä\ )?kenellekään pidä\ (?:tämä\ )?salassa",
    "pl": (
        r"nie\ mów(?:cie)?\ (?:o\ tym\ )?nikomu nikomu\ (?:o\ tym\ )?nie\ mów"
        r" zostaje?\ między\ nami to\ tajemnica"
        r" to\ jest\ (?:\w+\ )?poufne"
    ),
    "cs": r"nikomu\ (?:to\ )?neříkej(?:te)? zůstane\ mezi\ námi",
    "hu": r"ne\ mondd\ el\ senkinek maradjon\ köztünk",
    "ro": r"nu\ spune\ nimănui rămâne\ între\ noi",
    "hr": r"nemoj\ nikome\ reći ostaje\ među\ nama",
    "el": r"μην\ το\ πεις\ σε\ κανέναν μεταξύ\ μας",
    "tr": r"kimseye\ (?:söyleme|anlatma)\w* aramızda\ kalsın",
    "ru": (
        r"никому\ не\ (?:говори|рассказывай|показывай)\w* не\ (?:говори|рассказывай)\w*\ никому"
        r" (?:это\ )?между\ нами не\ для\ распространения не\ разглашать"
        r" это\ (?:\w+\ )?(?:конфиденциально|секрет)"
    ),
    "uk": r"нікому\ не\ (?:кажи|розповідай)\w* між\ нами",
    "id": r"jangan\ (?:beri\ tahu|bilang|ceritakan)\ (?:ke\ |kepada\ )?siapa(?:\ ?pun|-siapa)",
    "vi": r"đừng\ (?:nói|kể)\ (?:với|cho)\ ai",
    "he": r"אל\ תספר\w*\ לאף\ אחד שיישאר\ בינינו",
    "ar": r"لا\ تخبر\ أحدا?ً? بيني\ وبينك",
    "hi": r"किसी\ को\ मत\ बता",
}

ANYWHERE = (
    "社外秘 部外秘 这是机密 这是秘密 请保密 請保密 これは秘密 極秘 机密文件 机密资料"
    " 内部资料 请勿外传 不要外传"
    " 严禁外传 对外保密 不要告诉任何人"
    " 别告诉别人 別告訴別人 誰にも言わないで 他言無用 ここだけの話 内密に 비공개\\ 문서"
    " 대외비 비밀로\\ 해 아무에게도\\ 말하지"
)
"""Of scripts without blanks: where one of them stands, a text is confidential."""
