"""`POST /organisations:resolve`: what somebody who imports a list of names gets back, on both databases."""

import pytest
from sqlalchemy import select

from services.partners import orm, uow
from services.partners.queries import organisations as queries
from tests.integration.partners.harness import House, Houses, pointers

PATH = "/api/v1/organisations:resolve"


@pytest.fixture
async def seeded(houses: Houses) -> House:
    return await houses(seed_registry=True)


async def resolved(house: House, *names: str, **fields: object) -> list[dict]:
    answer = await house.call("POST", PATH, {"names": names, **fields}, key=None)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_a_column_of_names_comes_back_in_its_order(seeded: House) -> None:
    written = {
        "UNODC": "unodc",
        "UN Office on Drugs & Crime (UNODC)": "unodc",
        "Office on Drugs and Crime, United Nations": "unodc",
        "Office des Nations unies contre la drogue et le crime": "unodc",
        "Управление ООН по наркотикам и преступности": "unodc",
        "United Nations Ofice on Drugs and Crimes": "unodc",
        "The World Bank": "world-bank",
        "ICPO-INTERPOL": "interpol",
        "Conseil de l'Europe": "council-of-europe",
        "COUNCIL OF EUROPE (COE)": "council-of-europe",
    }
    found = await resolved(seeded, *written)
    assert [(each["index"], each["name"]) for each in found] == list(enumerate(written))
    assert {each["name"]: each["candidates"][0]["slug"] for each in found} == written
    assert [each["name"] for each in found if each["outcome"] != "one"] == []
    assert all(each["organisation"] == each["candidates"][0]["id"] for each in found)


async def test_one_word_with_a_slip_is_asked_about(seeded: House) -> None:
    (found,) = await resolved(seeded, "Interpool")
    assert (found["outcome"], found["organisation"], found["candidates"][0]["slug"]) == ("ask", None, "interpol")
    assert "interpool" in found["candidates"][0]["because"] + str(found["candidates"][0]["reasons"])


async def test_who_is_not_registered_is_not_taken_for_another(seeded: House) -> None:
    names = ["Ministry of Fisheries of Tonga", "United Nations Mine Action Service", "Bank of Mongolia", "Zyxwv", "…"]
    found = await resolved(seeded, *names)
    assert [each["name"] for each in found if each["outcome"] == "one"] == []
    assert [each["organisation"] for each in found] == [None] * len(names)


async def test_of_two_that_may_be_meant_somebody_chooses(house: House) -> None:
    for country in ("KEN", "UGA"):
        await house.made(
            "/api/v1/organisations",
            {
                "name": "National Forensic Laboratory",
                "slug": f"lab-{country.lower()}",
                "type": "10",
                "country": country,
            },
        )
    (found, kenya) = await resolved(house, "National Forensic Laboratory", "National Forensic Laboratory, Kenya")
    assert found["outcome"] == "ask"
    assert {each["slug"] for each in found["candidates"]} == {"lab-ken", "lab-uga"}
    assert max(each["probability"] for each in found["candidates"]) <= 0.5
    assert kenya["candidates"][0]["slug"] == "lab-ken"
    assert kenya["candidates"][0]["probability"] > kenya["candidates"][1]["probability"]


async def test_the_reasons_add_up_to_the_probability(seeded: House) -> None:
    for each in await resolved(seeded, "UN Office on Drug and Crimes", "StAR", "Norway"):
        for candidate in each["candidates"]:
            bits = sum(reason["bits"] for reason in candidate["reasons"])
            assert candidate["probability"] == pytest.approx(1 / (1 + 2**-bits))
            assert candidate["because"]
            assert "a country alone" not in candidate["because"] or each["name"] == "Norway"


async def test_a_change_of_names_is_found_at_once_and_the_old_one_no_longer(house: House) -> None:
    (before,) = await resolved(house, "Brumalia Institute")
    assert before["candidates"] == []
    patch = {"aliases": [{"text": "Brumalia Institute"}]}
    after = await house.call("PATCH", "/api/v1/organisations/unodc", patch, if_match='"1-x"')
    assert after.status_code == 200
    (found,) = await resolved(house, "brumalia institute")
    assert (found["outcome"], found["candidates"][0]["slug"], found["candidates"][0]["kind"]) == (
        "one",
        "unodc",
        "alias",
    )
    gone = await house.call("PATCH", "/api/v1/organisations/unodc", {"aliases": []}, if_match=after.headers["etag"])
    assert gone.status_code == 200
    assert (await resolved(house, "brumalia institute"))[0]["candidates"] == []


async def test_one_name_or_a_column_and_every_fault_names_its_row(house: House) -> None:
    one = await house.call("POST", PATH, {"name": " UNODC "}, key=None)
    assert [each["name"] for each in one.json()["data"]] == ["UNODC"]

    async def refused(body: dict) -> list[str]:
        answer = await house.call("POST", PATH, body, key=None)
        assert answer.status_code == 422, answer.text
        return pointers(answer)

    assert await refused({"names": ["UNODC", "  ", "x" * 501]}) == ["#/names/1", "#/names/2"]
    assert await refused({"names": []}) == ["#/names"]
    assert await refused({"names": ["a"] * 201}) == ["#/names"]
    assert await refused({}) == await refused({"name": "a", "names": ["b"]}) != []
    assert await refused({"name": "a", "country": "KEN"}) == ["#/country"]


async def test_a_word_that_very_many_have_costs_no_more_and_says_that_it_was_cut(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        await house.made("/api/v1/organisations", {"name": f"Cyber Institute {number}", "type": "80"})
    monkeypatch.setattr(queries, "_KEYS_READ", 8)
    (found,) = await resolved(house, "Cyber Institute", limit=20)
    assert found["capped"]
    assert found["outcome"] != "one"
    assert 0 < len(found["candidates"]) <= 8
    (exact,) = await resolved(house, "Cyber Institute 7")
    assert exact["candidates"][0]["name"] == "Cyber Institute 7"
    (rare,) = await resolved(house, "UNODC")
    assert not rare["capped"]


async def test_names_are_indexed_again_by_a_release_that_reads_them_otherwise(
    houses: Houses, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await houses()
    await first.made("/api/v1/organisations", {"name": "Brumalia Institute", "type": "80"})
    monkeypatch.setattr(uow, "keys_of", lambda text: frozenset({f"new:{text.casefold()}"}))
    same = await houses()
    assert [each["slug"] for each in (await resolved(same, "Brumalia"))[0]["candidates"]] == ["brumalia-institute"]
    monkeypatch.setattr(uow, "KEYS", "next")
    for _ in range(2):
        later = await houses()
        async with later.db.read() as session:
            keys = (await session.execute(select(orm.NameKeyRow.key).order_by(orm.NameKeyRow.key))).scalars().all()
        assert keys == ["!next", "new:brumalia institute"]
