"""Who is of which organisation; going from one to another keeps the account, its rooms, and a record."""

from __future__ import annotations

import pytest
import pytest_asyncio

from chappe.agency.app import AgencyServer
from chappe.agency.former_accounts import DAY_MS, FormerAccounts
from chappe.agency.organisations import Organisation
from chappe.agency.people import People
from chappe.homeserver.accounts.endings import THEMSELVES
from chappe.homeserver.accounts.single_sign_on.providers import ProvenIdentity
from chappe.matrix.errors import BadRequest, Forbidden, MatrixError, NotFound
from chappe.matrix.identifiers import UserId
from tests.agency.conftest import GUESTS, agency
from tests.browser import Browser
from tests.neighbours import Mailbox, link_in
from tests.support import PASSWORD, Clock, Person, Refused, Server, refused

OLD, NEW = "anne.roy@culture.example", "anne.roy@sante.example"


def people_of(server: Server) -> People:
    assert isinstance(server.node, AgencyServer)
    return server.node.people


def former_of(server: Server) -> FormerAccounts:
    assert isinstance(server.node, AgencyServer)
    return server.node.former


async def name_of(server: Server, user_id: str) -> str:
    return str((await server.node.profiles.of(user_id)).get("displayname"))


async def addresses_of(server: Server, user_id: str) -> list[str]:
    return sorted(row.address for row in await server.node.accounts.store.threepids(user_id))


async def bind(server: Server, user_id: str, address: str) -> None:
    await server.node.bind_threepid(UserId(user_id), "email", address, 1)


async def prove(person: Person, mailbox: Mailbox, address: str) -> None:
    """As a client does it: a mail, its page, the password."""
    secret = address.replace("@", "-")
    wanted = {"email": address, "client_secret": secret, "send_attempt": 1}
    sid = (await person.call("POST", "/account/3pid/email/requestToken", wanted))["sid"]
    browser = await Browser(person.server).open(link_in(await mailbox.next(address)))
    await browser.submit("/verify-email")
    body = {"sid": sid, "client_secret": secret}
    asked = await refused(person.call("POST", "/account/3pid/add", body))
    auth = {"type": "m.login.password", "user": person.id, "password": PASSWORD, "session": asked.body["session"]}
    await person.call("POST", "/account/3pid/add", {**body, "auth": auth})


@pytest_asyncio.fixture
async def anne(ministry: Server, alice: Person) -> Person:
    """Anne Roy of Culture, in a ministry that Santé is at home in as well."""
    await agency(ministry).organisations.add(Organisation("sante", "Santé", "localhost", False, ["sante.example"]))
    await bind(ministry, alice.id, OLD)
    await ministry.node.set_profile_field(UserId(alice.id), "displayname", "Anne Roy [Culture]")
    return alice


async def test_an_address_says_where_somebody_belongs(ministry: Server, anne: Person, gaston: Person) -> None:
    assert await people_of(ministry).organisation_of(anne.id) == "culture"
    await bind(ministry, gaston.id, "gaston@lagaffe.example")
    assert await people_of(ministry).organisation_of(gaston.id) is None


async def test_an_older_account_bears_its_organisations_name(ministry: Server, alice: Person, bob: Person) -> None:
    await people_of(ministry).assign(UserId(bob.id), "culture", "@root:localhost")
    assert await name_of(ministry, bob.id) == "bob [Culture]"
    await bind(ministry, alice.id, OLD)
    assert await name_of(ministry, alice.id) == "alice [Culture]"
    await ministry.node.set_profile_field(UserId(alice.id), "displayname", "Alice Petit [Culture]")
    await bind(ministry, alice.id, "alice.petit@culture.example")
    assert await name_of(ministry, alice.id) == "Alice Petit [Culture]", "it is as it was"


async def test_moving_by_proving_the_new_address(ministry: Server, mailbox: Mailbox, anne: Person, bob: Person) -> None:
    room = await anne.create_room(name="Dossiers", invite=[bob.id])
    await bob.join(room)
    await prove(anne, mailbox, NEW)
    assert await people_of(ministry).organisation_of(anne.id) == "sante"
    assert await name_of(ministry, anne.id) == "Anne Roy [Santé]"
    assert await addresses_of(ministry, anne.id) == [NEW], "the old address is not hers any more"
    (move,) = await people_of(ministry).moves(anne.id)
    assert move.pop("ts") > 1_700_000_000_000
    assert move == {"from_organisation": "culture", "to_organisation": "sante", "by_whom": anne.id}
    await ministry.node.set_profile_field.wait()
    assert (await bob.state(room, "m.room.member", anne.id))["displayname"] == "Anne Roy [Santé]"
    await anne.say(room, "still here")


async def test_a_name_that_was_vouched_for_stays(ministry: Server, anne: Person) -> None:
    await ministry.node.set_profile_field(UserId(anne.id), "displayname", "Anne-Sophie Roy-Élie [Culture]")
    await bind(ministry, anne.id, NEW)
    assert await name_of(ministry, anne.id) == "Anne-Sophie Roy-Élie [Santé]"


async def test_only_addresses_that_count_are_added(ministry: Server, mailbox: Mailbox, anne: Person) -> None:
    for address, word in (("anne@gmail.example", GUESTS), ("anne@interieur.example", "interieur.example")):
        no = await refused(prove(anne, mailbox, address))
        assert (no.status, no.errcode) == (403, "M_FORBIDDEN") and word in no.body["error"]
    assert await addresses_of(ministry, anne.id) == [OLD]
    assert await people_of(ministry).organisation_of(anne.id) == "culture"


async def test_the_last_professional_address_stays(ministry: Server, anne: Person) -> None:
    """Else the account would be nobody's, and never end."""
    no = await refused(anne.prove("/account/3pid/delete", {"medium": "email", "address": OLD}))
    assert (no.status, no.errcode) == (403, "M_FORBIDDEN")
    await bind(ministry, anne.id, "a.roy@culture.example")
    await anne.prove("/account/3pid/delete", {"medium": "email", "address": OLD})
    assert await addresses_of(ministry, anne.id) == ["a.roy@culture.example"]


async def test_an_administrator_moves_somebody(ministry: Server, anne: Person, gaston: Person) -> None:
    people = people_of(ministry)
    await people.assign(UserId(anne.id), "sante", "@root:localhost")
    assert (await people.moves(anne.id))[0]["by_whom"] == "@root:localhost"
    assert await name_of(ministry, anne.id) == "Anne Roy [Santé]"
    for who, where, error in (
        (anne.id, "nowhere", NotFound),
        ("@nobody:localhost", "sante", NotFound),
        (gaston.id, "culture", Forbidden),
        (anne.id, "elsewhere", Forbidden),
        (anne.id, "guests", Forbidden),
    ):
        with pytest.raises(error):
            await people.assign(UserId(who), where, "@root:localhost")


async def test_an_organisation_changes_its_name(ministry: Server, anne: Person) -> None:
    await agency(ministry).organisations.add(
        Organisation("culture", "Culture et médias", "localhost", False, ["culture.example", "*.culture.example"])
    )
    await people_of(ministry).follow_registry()
    assert await name_of(ministry, anne.id) == "Anne Roy [Culture et médias]"


async def test_accounts_from_before_are_placed_when_the_registry_changes(ministry: Server, bob: Person) -> None:
    await bind(ministry, bob.id, "bob@later.example")
    assert await people_of(ministry).organisation_of(bob.id) is None
    await agency(ministry).organisations.add(Organisation("later", "Plus tard", "localhost", False, ["later.example"]))
    await people_of(ministry).follow_registry()
    assert await people_of(ministry).organisation_of(bob.id) == "later"
    assert await name_of(ministry, bob.id) == "bob [Plus tard]"


async def test_the_provider_vouches_for_another_address(ministry: Server, anne: Person) -> None:
    """Somebody changes ministry: the State's sign-in says so, and the account follows."""
    await ministry.node.database.execute("INSERT INTO upstream_links VALUES ('oidc', 'anne', $1, 1)", anne.id)
    for address, where in ((NEW, "sante"), ("anne@interieur.example", "sante")):
        proven = ProvenIdentity("oidc", "anne", address, "Anne Roy", None, None, True, True)
        assert (await ministry.node.sign_in_upstream(proven, "localhost")).user_id == anne.id
        assert await people_of(ministry).organisation_of(anne.id) == where
    assert await addresses_of(ministry, anne.id) == [NEW]


# --------------------------------------------------------------------------------------------------- ended accounts


async def test_an_account_that_comes_back_is_who_it_was(ministry: Server, anne: Person) -> None:
    await ministry.node.set_profile_field(UserId(anne.id), "avatar_url", "mxc://localhost/anne")
    await ministry.node.deactivate_account(UserId(anne.id), False)
    assert [f["display_name"] for f in await former_of(ministry).all("culture", 10)] == ["Anne Roy [Culture]"]
    assert await former_of(ministry).all("sante", 10) == []
    with pytest.raises(Refused):
        await anne.call("GET", "/account/whoami")
    answer = await former_of(ministry).reactivate(UserId(anne.id))
    assert answer == {"user_id": anne.id, "addresses": [OLD]}
    profile = await ministry.node.profiles.of(anne.id)
    assert profile == {"displayname": "Anne Roy [Culture]", "avatar_url": "mxc://localhost/anne"}
    assert await people_of(ministry).organisation_of(anne.id) == "culture"
    with pytest.raises(BadRequest):
        await former_of(ministry).reactivate(UserId(anne.id))
    with pytest.raises(NotFound):
        await former_of(ministry).reactivate(UserId("@nobody:localhost"))


async def test_an_address_that_somebody_else_has_meanwhile_is_theirs(ministry: Server, anne: Person, bob: Person) -> None:
    await ministry.node.deactivate_account(UserId(anne.id), False)
    await bind(ministry, bob.id, OLD)
    assert (await former_of(ministry).reactivate(UserId(anne.id)))["addresses"] == []


async def test_what_an_ended_account_looked_like_is_forgotten_in_time(ministry: Server, anne: Person, bob: Person) -> None:
    former = former_of(ministry)
    await ministry.node.deactivate_account(UserId(bob.id), True)
    assert await former.all(None, 10) == [], "an erased account leaves nothing"
    await ministry.node.deactivate_account(UserId(anne.id), False)
    former._now_ms = Clock(former._now_ms() + 1096 * DAY_MS)
    await former.prune()
    assert await former.all(None, 10) == []
    await former.reactivate(UserId(anne.id))
    assert await name_of(ministry, anne.id) == "alice"


async def test_a_deactivated_account_proves_nothing(ministry: Server, anne: Person) -> None:
    await ministry.node.deactivate_account(UserId(anne.id), False)
    with pytest.raises(MatrixError):
        await people_of(ministry).assign(UserId(anne.id), "sante", "@root:localhost")


async def test_an_address_alone_does_not_bring_an_account_back(ministry: Server, mailbox: Mailbox, anne: Person) -> None:
    """It may have been given to a namesake: who signs up with it is somebody new, and an administrator brings back who was."""
    await ministry.node.deactivate_account(UserId(anne.id), False)
    browser = await Browser(ministry).open("/register")
    await browser.submit("/register", email=OLD)
    await browser.open(link_in(await mailbox.next(OLD)))
    await browser.submit("/verify-email")
    assert 'name="username"' not in browser.page, "nobody chooses a user name"
    await browser.submit("/register", password="quite another password")
    namesake = await ministry.node.accounts.store.user_by_threepid("email", OLD)
    assert namesake is not None and namesake != anne.id
    assert await name_of(ministry, namesake) == "Anne Roy [Culture]"
    body = {"type": "m.login.password", "user": anne.id, "password": "quite another password"}
    assert (await ministry.raw("POST", "/_matrix/client/v3/login", body))[0] == 403
    proven = ProvenIdentity("oidc", "the namesake", OLD, "Anne Roy", None, None, True, True)
    assert (await ministry.node.sign_in_upstream(proven, "localhost")).user_id == namesake
    assert (await former_of(ministry).reactivate(UserId(anne.id)))["addresses"] == [], "the address stays where it is"


async def test_the_same_identity_at_the_provider_does(ministry: Server, anne: Person) -> None:
    proven = ProvenIdentity("oidc", "anne", OLD, "Anne Roy", None, None, True, True)
    assert (await ministry.node.sign_in_upstream(proven, "localhost")).user_id == anne.id
    await ministry.node.deactivate_account(UserId(anne.id), False, THEMSELVES)
    other = ProvenIdentity("oidc", "another anne", OLD, "Anne Roy", None, None, True, True)
    assert (await ministry.node.sign_in_upstream(other, "localhost")).user_id != anne.id
    assert (await ministry.node.sign_in_upstream(proven, "localhost")).user_id == anne.id
    assert await name_of(ministry, anne.id) == "Anne Roy [Culture]"


@pytest.mark.parametrize("state", ["locked", "suspended"])
async def test_who_may_not_act_does_not_come_back_alone(ministry: Server, anne: Person, state: str) -> None:
    proven = ProvenIdentity("oidc", "anne", OLD, "Anne Roy", None, None, True, True)
    assert (await ministry.node.sign_in_upstream(proven, "localhost")).user_id == anne.id
    await ministry.node.accounts.set_state(anne.id, **{state: True})
    await ministry.node.deactivate_account(UserId(anne.id), False, THEMSELVES)
    with pytest.raises(Forbidden):
        await ministry.node.sign_in_upstream(proven, "localhost")


async def test_signing_up_by_the_provider(ministry: Server, bob: Person) -> None:
    """Single sign-on, like a form, makes accounts of those only whose address says so."""

    def proven(address: str, subject: str) -> ProvenIdentity:
        return ProvenIdentity("oidc", subject, address, "Zoé Martin [Élysée]", None, None, True, True)

    user = await ministry.node.sign_in_upstream(proven("zoe.martin@culture.example", "zoe"), "localhost")
    assert user.user_id == "@zoe.martin-culture.example:localhost"
    assert await name_of(ministry, user.user_id) == "Zoé Martin Élysée [Culture]"
    assert await people_of(ministry).organisation_of(user.user_id) == "culture"
    for address, words in (("x@interieur.example", "interieur.example"), ("x@gmail.example", "invited you")):
        with pytest.raises(Forbidden) as no:
            await ministry.node.sign_in_upstream(proven(address, address), "localhost")
        assert words in no.value.message
    await agency(ministry).organisations.remove("guests")
    with pytest.raises(Forbidden):
        await ministry.node.sign_in_upstream(proven("x@gmail.example", "x"), "localhost")
