"""What people call the columns of their lists, in eight languages. A heading that is not here is counted and left out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from shared.places import fold, is_latin, native_key

# Field of a row, then what it is called. Compared without case, accents, spaces and what stands in brackets.
_NAMES = """
organisation | organisation, organization, org, agency, partner organisation, owner, lead, lead organisation, lead organization, lead agency, lead partner, implementing agency, implementing organisation, posted by, organiser, organizer, host, host organisation, institution, entity, organisme, organisateur, agence, chef de file, organización, organizacion, organismo, organizador, entidad, institución, organização, entidade, organizador, veranstalter, einrichtung, организация, организатор, учреждение, ведомство, المنظمة, الجهة, الجهة المنظمة, المؤسسة, 组织, 主办单位, 主办方, 机构
reference | reference, ref, ref no, reference number, reference no, id, identifier, activity id, event id, plan id, code, activity code, number, no, nr, référence, réf, identifiant, numéro, referencia, identificador, código, número, referência, referenz, nummer, kennung, номер, ссылка, код, идентификатор, المرجع, الرقم, الرمز, 编号, 参考号, 代码
title | title, activity, activity title, activity name, name, name of activity, name of the activity, event, event title, event name, training, training title, course, course title, course name, plan, subject, titre, intitulé, nom, activité, titre de l'activité, intitulé de l'activité, formation, événement, título, actividad, título de la actividad, nombre, nombre de la actividad, evento, curso, nome, atividade, título da atividade, titel, bezeichnung, veranstaltung, название, наименование, мероприятие, название мероприятия, тема, العنوان, عنوان النشاط, النشاط, اسم النشاط, 标题, 名称, 活动, 活动名称, 题目
start | start, start date, starts, date start, from, from date, begin, begins, beginning, date, dates, when, period, start day, day, date de début, début, du, date début, période, quand, fecha de inicio, inicio, fecha inicio, desde, fecha, fechas, período, data de início, início, data, de, beginn, startdatum, anfang, von, datum, дата начала, начало, с, дата, даты, период, تاريخ البدء, تاريخ البداية, البداية, من, التاريخ, الفترة, 开始日期, 开始时间, 起始日期, 开始, 日期, 时间
end | end, end date, ends, date end, to, to date, until, till, finish, finish date, last day, end day, date de fin, fin, au, date fin, fecha de fin, fecha final, fin de la actividad, fecha de finalización, fecha de término, hasta, data de fim, data final, data de término, fim, término, até, ende, enddatum, bis, дата окончания, окончание, конец, по, дата завершения, تاريخ الانتهاء, تاريخ النهاية, النهاية, إلى, 结束日期, 结束时间, 截止日期, 结束
places | places
place | place, location, venue, where, city country, city and country, location city country, lieu, endroit, lugar, ubicación, sede, local, ort, veranstaltungsort, место, место проведения, المكان, مكان الانعقاد, 地点, 举办地点, 场所
city | city, town, ville, ciudad, cidade, stadt, город, المدينة, 城市
country | country, countries, country of venue, venue country, host country, pays, pays hôte, país, países, land, страна, страны, البلد, الدولة, 国家, 国别
beneficiary_countries | beneficiary countries, beneficiary country, beneficiary, beneficiaries, target country, target countries, participating countries, pays bénéficiaire, pays bénéficiaires, país beneficiario, países beneficiarios, países beneficiários, страны получатели, страны бенефициары, البلدان المستفيدة, 受益国
mode | mode, format, modality, delivery, delivery mode, online or in person, modalité, mode de prestation, modalidad, formato, modalidade, modus, формат, формат проведения, форма проведения, طريقة التنفيذ, 方式, 形式
type | type, activity type, type of activity, event type, kind, category, type d'activité, catégorie, tipo, tipo de actividad, categoría, tipo de atividade, art, kategorie, тип, вид, вид мероприятия, النوع, نوع النشاط, 类型, 活动类型
audiences | audiences, audience, target audience, target group, target groups, participants, public, public cible, public visé, groupe cible, destinataires, bénéficiaires, público, público objetivo, público destinatario, destinatarios, participantes, público alvo, zielgruppe, teilnehmer, аудитория, целевая аудитория, целевая группа, участники, الفئة المستهدفة, الجمهور, المشاركون, 受众, 对象, 参加者, 目标群体
themes | themes, theme, topic, topics, thematic area, thematic areas, subjects, area, focus, thème, thèmes, thématique, sujet, sujets, tema, temas, área temática, thema, themen, тематика, темы, направление, الموضوع, المواضيع, المحور, 主题, 专题
partners | partners, partner, partner organisations, partner organizations, in partnership with, co organisers, co organizers, co organiser, with, cooperation, partenaires, partenaire, en partenariat avec, socios, asociados, socio, colaboradores, en colaboración con, parceiros, parceiro, партнеры, партнёры, партнер, الشركاء, الشريك, 合作伙伴, 合作方, 协办单位
funders | funders, funder, donor, donors, funding, funded by, financing, budget source, source of funding, bailleur, bailleurs, bailleur de fonds, bailleurs de fonds, donateur, donateurs, financement, financé par, donante, donantes, financiador, financiación, financiado por, doador, doadores, financiadores, geber, finanzierung, донор, доноры, финансирование, المانح, المانحون, التمويل, الجهة المانحة, 捐助方, 资助方, 供资方
trainers | trainers, trainer, speakers, speaker, experts, expert, facilitators, facilitator, instructors, instructor, mentors, mentor, lecturers, resource persons, resource person, formateurs, formateur, intervenants, intervenant, experts mobilisés, instructores, formadores, formador, ponentes, ponente, expertos, palestrantes, instrutores, especialistas, trainerinnen, referenten, referent, dozenten, преподаватели, эксперты, докладчики, тренеры, المدربون, المدرب, المتحدثون, الخبراء, 讲师, 培训师, 专家, 主讲人
description | description, summary, details, abstract, objectives, objective, content, notes, comments, remarks, résumé, objectifs, contenu, remarques, descripción, resumen, objetivos, contenido, observaciones, descrição, resumo, conteúdo, beschreibung, inhalt, zusammenfassung, описание, содержание, цели, примечания, الوصف, الملخص, الأهداف, 描述, 说明, 简介, 摘要, 备注
language | language, languages, working language, langue, langues, idioma, idiomas, lengua, língua, sprache, язык, языки, اللغة, اللغات, 语言, 语种
"""

FIELDS: tuple[str, ...] = tuple(line.partition(" | ")[0] for line in _NAMES.strip().splitlines())
"""What a row may hold."""


def field_of(heading: str) -> str | None:
    """The field that a heading means, or None."""
    table = _table()
    return table.get(_key(heading)) or table.get(_key(heading.partition("(")[0]))


def fields_of(headings: list[str]) -> Mapping[int, str]:
    """Column -> field for a row of headings. Where two columns claim a field, the plainer name has it ("Title" before
    "Activity"), then the first. "Partner" is the owner in a list that has no other column for it."""
    claims: dict[str, tuple[int, int]] = {}
    for column, heading in enumerate(headings):
        if (field := field_of(heading)) is not None:
            claims[field] = min(claims.get(field, (len(_NAMES), 0)), (_plainness(heading), column))
    found = {column: field for field, (_, column) in claims.items()}
    if "organisation" not in claims and "partners" in claims and _key(headings[claims["partners"][1]]) == "partner":
        found[claims["partners"][1]] = "organisation"
    return dict(sorted(found.items()))


def _plainness(heading: str) -> int:
    keys = list(_table())
    key = _key(heading)
    return keys.index(key) if key in _table() else keys.index(_key(heading.partition("(")[0]))


def _key(text: str) -> str:
    if not is_latin(text):
        return native_key(text)
    return "".join(c for c in fold(text) if c.isalnum())


@lru_cache(maxsize=1)
def _table() -> Mapping[str, str]:
    table: dict[str, str] = {}
    for line in _NAMES.strip().splitlines():
        field, _, names = line.partition(" | ")
        for name in (field, *names.split(", ")):
            table.setdefault(_key(name), field)
    return table
