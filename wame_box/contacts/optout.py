"""Opt-out and opt-in words: whether a whole message says STOP, or START, in one of many languages.

Only the whole message counts: "stop" is an opt-out, "please stop by tomorrow" is not. Case, accents, punctuation, emoji and
invisible characters don't matter. The words are those that carriers and businesses teach people to use; words that are also
ordinary answers (no, yes, back, and their like in any language here, with and without accents) are left out.
"""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 60

_OPT_OUT = """
stop; stop all; stopall; stop now; stop messages; stop promotions; please stop; stop please
unsubscribe; unsub; cancel; end; quit; revoke; opt out; optout; remove me
arret; arreter; arretez; stop svp; desabonner; se desabonner; me desabonner; desabonnement
desinscription; desinscrire; me desinscrire
baja; alto; cancelar; cancelar suscripcion; darme de baja; dar de baja; de baja; detener; parar; no mas mensajes
sair; pare; remover; descadastrar; cancelar inscricao; parar mensagens
stopp; abmelden; abbestellen; austragen; aufhoren; beenden
annulla; basta; disiscrivi; disiscrivimi; cancellami; cancella; fermare
afmelden; uitschrijven; stoppen; avmeld; avsluta; avregistrera; afmeld; frameld; lopeta; peruuta
zatrzymaj; rezygnuje; wypisz; wypisz mnie; koniec; odhlasit; zrusit; leiratkozas; leallitas; dezabonare; opreste; odjava
стоп; отписаться; отписка; отмена; хватит; відписатися; відписка; зупинити; спри; отписване
σταμάτα; στοπ; διαγραφή; διακοπή; durdur; iptal; abonelikten çık
إيقاف; أوقف; توقف; قف; إلغاء; إلغاء الاشتراك; הסר; הפסק; עצור; توقف کن; لغو; لغو اشتراک; بند کرو
रोकें; रुकें; बंद करो; बंद करें; बंद; বন্ধ; বন্ধ করুন; நிறுத்து; ఆపు; ನಿಲ್ಲಿಸಿ; നിർത്തുക
berhenti; hentikan; dừng lại; hủy đăng ký; huy dang ky; komesha; tsaya; daina; itigil
停止; 退订; 退訂; 取消; 取消订阅; 取消訂閱; 停止配信; 配信停止; 解除; 登録解除; ストップ
수신거부; 중지; 정지; หยุด; ยกเลิก; ឈប់
"""

_OPT_IN = """
start; unstop; subscribe; resubscribe; resume; opt in; optin
reprendre; abonner; m'abonner; me reabonner; reabonner; s'inscrire; m'inscrire
alta; darme de alta; dar de alta; de alta; suscribir; suscribirme; suscribirse; reanudar; retomar; inscrever; assinar
anmelden; abonnieren; starten; fortsetzen; iscriviti; iscrivimi; riprendi; aanmelden; inschrijven; hervatten
starta; tilmeld; tilaa; wznow; zapisz mnie; feliratkozas; abonare; prijava
старт; подписаться; возобновить; підписатися; έναρξη; εγγραφή; baslat; abone ol
ابدأ; بدء; اشتراك; اشترك; استئناف; התחל; הרשמה; شروع; शुरू; शुरू करें; চালু
mulai; berlangganan; đăng ký; dang ky; anza; 开始; 開始; 订阅; 訂閱; スタート; 再開; 시작; 수신동의; เริ่ม
"""

_NOT_WORDS = re.compile(r"[\W_]+")


def _bare(text: str) -> str:
    """Lower case, no accents, one space between words, nothing else than letters and digits."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    visible = "".join(character for character in decomposed if unicodedata.category(character) not in {"Mn", "Cf"})
    return _NOT_WORDS.sub(" ", visible).strip()


def _words(lines: str) -> frozenset[str]:
    return frozenset(_bare(word) for word in lines.strip().replace("\n", ";").split(";"))


_OPT_OUT_WORDS = _words(_OPT_OUT)
_OPT_IN_WORDS = _words(_OPT_IN)


def is_opt_out(text: str) -> bool:
    """Whether the whole message asks to receive nothing more."""
    return len(text) <= _LONGEST and _bare(text) in _OPT_OUT_WORDS


def is_opt_in(text: str) -> bool:
    """Whether the whole message asks to receive messages again."""
    return len(text) <= _LONGEST and _bare(text) in _OPT_IN_WORDS
