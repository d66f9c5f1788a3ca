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
        blocked=("Unavailable for legal reasons", "The law does not permit this service to answer this request."),
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
        blocked=("Aus rechtlichen Gründen nicht verfügbar", "Das Recht erlaubt diesem Dienst keine Antwort darauf."),
        challenged=("Bestätigung nötig", "Diese Anfrage kann beantwortet werden, sobald mehr über sie bekannt ist."),
        unavailable=(
            "Zurzeit nicht verfügbar",
            "Ob diese Anfrage beantwortet werden darf, steht gerade nicht fest.",
        ),
        policy="Regelwerk",
        decision="Entscheidung",
        contact="Kontakt",
        verify="Weiter",
        objection="Wenn Sie das für einen Fehler halten, nennen Sie bitte die Entscheidung.",
    ),
    "fr": Texts(
        denied=("Accès refusé", "Les règles d’accès de ce service n’autorisent pas cette requête."),
        blocked=("Indisponible pour des raisons juridiques", "La loi ne permet pas à ce service d’y répondre."),
        challenged=("Confirmation nécessaire", "Il faut en savoir plus pour répondre à cette requête."),
        unavailable=("Indisponible pour le moment", "Il est impossible de décider actuellement de cette requête."),
        policy="Règles",
        decision="Décision",
        contact="Contact",
        verify="Continuer",
        objection="Si vous pensez que c’est une erreur, indiquez cette décision en nous écrivant.",
    ),
    "es": Texts(
        denied=("Acceso denegado", "La política de acceso de este servicio no permite esta solicitud."),
        blocked=("No disponible por motivos legales", "La ley no permite que este servicio responda a esta solicitud."),
        challenged=("Se necesita confirmación", "Hace falta saber más para responder a esta solicitud."),
        unavailable=("No disponible por ahora", "En este momento no se puede decidir sobre esta solicitud."),
        policy="Política",
        decision="Decisión",
        contact="Contacto",
        verify="Continuar",
        objection="Si cree que es un error, indique esta decisión al ponerse en contacto.",
    ),
    "pt": Texts(
        denied=("Acesso negado", "A política de acesso deste serviço não permite este pedido."),
        blocked=("Indisponível por motivos legais", "A lei não permite que este serviço responda a este pedido."),
        challenged=("Confirmação necessária", "É preciso saber mais para responder a este pedido."),
        unavailable=("Indisponível de momento", "Neste momento não é possível decidir sobre este pedido."),
        policy="Política",
        decision="Decisão",
        contact="Contacto",
        verify="Continuar",
        objection="Se pensa que é um erro, indique esta decisão no seu contacto.",
    ),
    "it": Texts(
        denied=("Accesso negato", "Le regole di accesso di questo servizio non consentono questa richiesta."),
        blocked=("Non disponibile per motivi legali", "La legge non consente a questo servizio di rispondere."),
        challenged=("Conferma necessaria", "Per rispondere a questa richiesta occorre sapere di più."),
        unavailable=("Al momento non disponibile", "Al momento non è possibile decidere su questa richiesta."),
        policy="Regole",
        decision="Decisione",
        contact="Contatto",
        verify="Continua",
        objection="Se ritiene che sia un errore, indichi questa decisione quando ci contatta.",
    ),
    "ru": Texts(
        denied=("Доступ запрещён", "Правила доступа этого сервиса не допускают этот запрос."),
        blocked=("Недоступно по юридическим причинам", "Закон не позволяет этому сервису ответить на этот запрос."),
        challenged=("Нужно подтверждение", "На этот запрос можно ответить, когда о нём станет известно больше."),
        unavailable=("Сейчас недоступно", "Сейчас невозможно решить, можно ли ответить на этот запрос."),
        policy="Правила",
        decision="Решение",
        contact="Контакт",
        verify="Продолжить",
        objection="Если вы считаете это ошибкой, укажите при обращении это решение.",
    ),
    "uk": Texts(
        denied=("Доступ заборонено", "Правила доступу цього сервісу не дозволяють цей запит."),
        blocked=("Недоступно з юридичних причин", "Закон не дозволяє цьому сервісу відповісти на цей запит."),
        challenged=("Потрібне підтвердження", "На цей запит можна відповісти, коли про нього стане відомо більше."),
        unavailable=("Зараз недоступно", "Зараз неможливо вирішити, чи можна відповісти на цей запит."),
        policy="Правила",
        decision="Рішення",
        contact="Контакт",
        verify="Продовжити",
        objection="Якщо ви вважаєте це помилкою, вкажіть у зверненні це рішення.",
    ),
    "zh": Texts(
        denied=("访问被拒绝", "本服务的访问政策不允许此请求。"),
        blocked=("因法律原因不可用", "法律不允许本服务答复此请求。"),
        challenged=("需要确认", "需要更多信息才能答复此请求。"),
        unavailable=("暂时不可用", "目前无法判断是否可以答复此请求。"),
        policy="政策",
        decision="决定编号",
        contact="联系方式",
        verify="继续",
        objection="如果您认为有误，请在联系时注明此决定编号。",
    ),
    "ja": Texts(
        denied=("アクセスが拒否されました", "このサービスのアクセスポリシーでは、このリクエストは許可されていません。"),
        blocked=("法的理由により利用できません", "法律により、このサービスはこのリクエストに応答できません。"),
        challenged=("確認が必要です", "このリクエストに応答するには、さらに情報が必要です。"),
        unavailable=("現在利用できません", "現在、このリクエストに応答してよいか判断できません。"),
        policy="ポリシー",
        decision="決定番号",
        contact="連絡先",
        verify="続ける",
        objection="誤りと思われる場合は、この決定番号を添えてご連絡ください。",
    ),
    "ar": Texts(
        denied=("تم رفض الوصول", "لا تسمح سياسة الوصول لهذه الخدمة بهذا الطلب."),
        blocked=("غير متاح لأسباب قانونية", "لا يسمح القانون لهذه الخدمة بالرد على هذا الطلب."),
        challenged=("يلزم التأكيد", "يمكن الرد على هذا الطلب عندما تتوفر معلومات إضافية عنه."),
        unavailable=("غير متاح الآن", "لا يمكن حاليا تحديد ما إذا كان يجوز الرد على هذا الطلب."),
        policy="السياسة",
        decision="القرار",
        contact="للتواصل",
        verify="متابعة",
        objection="إذا كنت تعتقد أن هذا خطأ، فاذكر رقم القرار عند التواصل.",
        is_right_to_left=True,
    ),
}
"""By language, in the shortest form that a client asks for."""
