"""What a denial says to the person who reads it, by language. Written plainly: it names no rule and blames nobody."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["denied", "blocked", "challenged", "unavailable"]
"""A denial; one that a law asks for (451); one that asks for more; no decision at all."""


class Texts(NamedTuple):
    """One language."""

    denied: tuple[str, str]
    """Title, and what happened."""
    blocked: tuple[str, str]
    challenged: tuple[str, str]
    unavailable: tuple[str, str]
    policy: str
    decision: str
    contact: str
    verify: str
    objection: str
    """What to do if one thinks it wrong."""
    is_right_to_left: bool = False
    """Written from right to left."""

    def of(self, kind: Kind) -> tuple[str, str]:
        """Title, and what happened."""
        texts: tuple[str, str] = getattr(self, kind)
        return texts


FALLBACK: Final = "en"

TEXTS: Final[Mapping[str, Texts]] = {
    "en": Texts(
        denied=("Access denied", "The access policy of this service does not permit this request."),
        blocked=("Unavailable for legal reasons", "For legal reasons, this service does not answer this request."),
        challenged=("Confirmation needed", "This request can be answered once more is known about it."),
        unavailable=("Not available now", "It cannot be decided at the moment whether this request may be answered."),
        policy="Policy",
        decision="Decision",
        contact="Contact",
        verify="Continue",
        objection="If you think that this is wrong, name the decision when you get in touch.",
    ),
    "de": Texts(
        denied=("Zugriff verweigert", "Die Zugriffsregeln dieses Dienstes lassen diese Anfrage nicht zu."),
        blocked=(
            "Aus rechtlichen Gründen nicht verfügbar",
            "Aus rechtlichen Gründen beantwortet dieser Dienst diese Anfrage nicht.",
        ),
        challenged=("Bestätigung nötig", "Diese Anfrage kann beantwortet werden, sobald mehr über sie bekannt ist."),
        unavailable=(
            "Zurzeit nicht verfügbar",
            "Ob diese Anfrage beantwortet werden darf, lässt sich derzeit nicht entscheiden.",
        ),
        policy="Regelwerk",
        decision="Entscheidung",
        contact="Kontakt",
        verify="Weiter",
        objection="Wenn Sie das für einen Fehler halten, nennen Sie uns bitte diese Entscheidung.",
    ),
    "fr": Texts(
        denied=("Accès refusé", "Les règles d’accès de ce service n’autorisent pas cette requête."),
        blocked=(
            "Indisponible pour des raisons juridiques",
            "Pour des raisons juridiques, ce service ne répond pas à cette requête.",
        ),
        challenged=("Confirmation nécessaire", "Il faut en savoir plus pour répondre à cette requête."),
        unavailable=(
            "Indisponible pour le moment",
            "Il est actuellement impossible de décider si cette requête est autorisée.",
        ),
        policy="Règles",
        decision="Décision",
        contact="Contact",
        verify="Continuer",
        objection="Si vous pensez que c’est une erreur, indiquez cette décision en nous contactant.",
    ),
    "es": Texts(
        denied=("Acceso denegado", "La política de acceso de este servicio no permite esta solicitud."),
        blocked=(
            "No disponible por motivos legales",
            "Por motivos legales, este servicio no responde a esta solicitud.",
        ),
        challenged=("Se necesita confirmación", "Hace falta saber más para responder a esta solicitud."),
        unavailable=("No disponible por ahora", "En este momento no se puede decidir sobre esta solicitud."),
        policy="Política",
        decision="Decisión",
        contact="Contacto",
        verify="Continuar",
        objection="Si cree que es un error, indique esta decisión al ponerse en contacto con nosotros.",
    ),
    "pt": Texts(
        denied=("Acesso negado", "A política de acesso deste serviço não permite este pedido."),
        blocked=("Indisponível por motivos legais", "Por motivos legais, este serviço não responde a este pedido."),
        challenged=("Confirmação necessária", "É preciso saber mais para responder a este pedido."),
        unavailable=("Indisponível no momento", "Neste momento não é possível decidir sobre este pedido."),
        policy="Política",
        decision="Decisão",
        contact="Contacto",
        verify="Continuar",
        objection="Se considera que se trata de um erro, indique esta decisão ao entrar em contacto.",
    ),
    "it": Texts(
        denied=("Accesso negato", "Le regole di accesso di questo servizio non consentono questa richiesta."),
        blocked=(
            "Non disponibile per motivi legali",
            "Per motivi legali questo servizio non risponde a questa richiesta.",
        ),
        challenged=("Conferma necessaria", "Per rispondere a questa richiesta occorre sapere di più."),
        unavailable=("Al momento non disponibile", "Al momento non è possibile decidere su questa richiesta."),
        policy="Regole",
        decision="Decisione",
        contact="Contatto",
        verify="Continua",
        objection="Se ritiene che sia un errore, indichi questa decisione quando ci contatta.",
    ),
    "ru": Texts(
        denied=("Доступ запрещён", "Правила доступа этого сервиса не разрешают этот запрос."),
        blocked=(
            "Недоступно по юридическим причинам",
            "По юридическим причинам этот сервис не отвечает на этот запрос.",
        ),
        challenged=("Нужно подтверждение", "Чтобы ответить на этот запрос, нужно больше сведений."),
        unavailable=("Сейчас недоступно", "Сейчас невозможно определить, можно ли ответить на этот запрос."),
        policy="Правила",
        decision="Решение",
        contact="Контакт",
        verify="Продолжить",
        objection="Если вы считаете, что это ошибка, укажите это решение при обращении.",
    ),
    "uk": Texts(
        denied=("Доступ заборонено", "Правила доступу цього сервісу не дозволяють цей запит."),
        blocked=("Недоступно з юридичних причин", "З юридичних причин цей сервіс не відповідає на цей запит."),
        challenged=("Потрібне підтвердження", "Щоб відповісти на цей запит, потрібно більше відомостей."),
        unavailable=("Зараз недоступно", "Зараз неможливо визначити, чи можна відповісти на цей запит."),
        policy="Правила",
        decision="Рішення",
        contact="Контакт",
        verify="Продовжити",
        objection="Якщо ви вважаєте, що це помилка, вкажіть це рішення у зверненні.",
    ),
    "zh": Texts(
        denied=("访问被拒绝", "本服务的访问政策不允许此请求。"),
        blocked=("因法律原因不可用", "因法律原因，本服务不响应此请求。"),
        challenged=("需要确认", "需要更多信息才能响应此请求。"),
        unavailable=("暂时不可用", "目前无法判断是否可以响应此请求。"),
        policy="政策",
        decision="决定编号",
        contact="联系方式",
        verify="继续",
        objection="如果您认为有误，请在联系时注明此决定编号。",
    ),
    "ja": Texts(
        denied=("アクセスが拒否されました", "このサービスのアクセスポリシーでは、このリクエストは許可されていません。"),
        blocked=("法的理由により利用できません", "法的理由により、このサービスはこのリクエストに応答しません。"),
        challenged=("確認が必要です", "このリクエストに応答するには、さらに情報が必要です。"),
        unavailable=("現在利用できません", "現在、このリクエストに応答してよいか判断できません。"),
        policy="ポリシー",
        decision="決定番号",
        contact="連絡先",
        verify="続ける",
        objection="誤りと思われる場合は、この決定番号を添えてご連絡ください。",
    ),
    "ar": Texts(
        denied=("تم رفض الوصول", "لا تسمح سياسة الوصول الخاصة بهذه الخدمة بهذا الطلب."),
        blocked=("غير متاح لأسباب قانونية", "لأسباب قانونية، لا ترد هذه الخدمة على هذا الطلب."),
        challenged=("يلزم التأكيد", "يمكن الرد على هذا الطلب عندما تتوفر معلومات إضافية عنه."),
        unavailable=("غير متاح الآن", "لا يمكن حاليًا تحديد ما إذا كان يجوز الرد على هذا الطلب."),
        policy="السياسة",
        decision="رقم القرار",
        contact="للتواصل",
        verify="متابعة",
        objection="إذا كنت تعتقد أن هذا خطأ، فاذكر رقم القرار هذا عند التواصل.",
        is_right_to_left=True,
    ),
}
"""By language, in the shortest form that a client asks for."""
