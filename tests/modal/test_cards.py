"""A plan card says what the plan is, what it would have cost, and whether it can be taken."""

from playwright.sync_api import Route, expect

from tests.modal.conftest import Open


def test_the_recommendation_says_for_whom_and_why(opened: Open) -> None:
    modal = opened()

    expect(modal.dialog.get_by_role("heading", name="Für Sie empfohlen")).to_be_visible()
    expect(modal.dialog.get_by_text("Ihre 840 Dokumente passen in Ecommerce Basic (1.000).")).to_be_visible()


def test_a_card_holds_price_figures_features_and_the_bill_for_ones_own_usage(opened: Open) -> None:
    card = opened().card("Ecommerce Basic")

    for text in ("190 €/Monat zzgl. MwSt.", "~50k", "3 Assistenten", "~50k Gespräche/Monat", "1k Dokumente"):
        expect(card).to_contain_text(text)
    expect(card).to_contain_text("Mit Ihrer Nutzung: 161,50 €/Monat; nach 3 Monaten 190 €/Monat")
    card.get_by_text("Wie berechnet?").click()
    expect(card.get_by_text("Hochgerechnet aus 12 Tagen")).to_be_visible()


def test_the_suggested_plan_stands_first_and_alone_has_the_star(opened: Open) -> None:
    modal = opened()

    expect(modal.cards.first).to_contain_text("⭐")
    expect(modal.cards.filter(has_text="⭐")).to_have_count(1)


def test_the_current_plan_says_so_and_cannot_be_clicked(opened: Open) -> None:
    modal = opened("outgrown")
    button = modal.card("Ecommerce Basic").get_by_role("button", name="✓ Ausgewählt: Ecommerce Basic")

    expect(button).to_have_attribute("aria-disabled", "true")
    button.click(force=True)
    button.press("Enter")

    assert modal.heard("select") == []
    expect(modal.dialog.get_by_text("Ihre Wahl")).to_have_count(0)


def test_overage_is_part_of_the_projected_bill(opened: Open) -> None:
    card = opened("outgrown").card("Ecommerce Basic")

    expect(card.locator(".bill")).to_contain_text("Mehrverbrauch")


def test_a_card_says_what_more_would_cost_and_how_full_each_limit_is(opened: Open) -> None:
    card = opened("outgrown", locale="de").card("Ecommerce Basic")

    expect(card.locator(".then")).to_have_text("darüber hinaus 8 € je 1.000 Gespräche")
    usage = card.get_by_role("list", name="Ihre Nutzung").get_by_role("listitem")
    expect(usage).to_have_count(5)
    expect(usage.nth(2)).to_have_text("Dokumente 950 von 1k95 %")
    expect(usage.first).to_have_class("over")


def test_how_the_bill_is_worked_out_is_told_when_asked_for(opened: Open) -> None:
    card = opened("outgrown", locale="de").card("Ecommerce Basic")
    expect(card.get_by_text("In 8 von 10 Monaten")).to_be_hidden()

    card.get_by_text("Wie berechnet?").click()

    expect(card.get_by_text("In 8 von 10 Monaten")).to_be_visible()
    expect(card.get_by_text("Der obere Wert entspricht rund")).to_be_visible()
    expect(card.get_by_text("Mehrverbrauch: 8 € je 1 Mio. AI-Tokens.")).to_be_visible()


def test_without_reported_usage_no_bar_is_drawn(opened: Open) -> None:
    modal = opened("new")

    expect(modal.cards.first).to_be_visible()
    expect(modal.dialog.locator(".meters li")).to_have_count(0)


def test_reasons_and_what_is_in_the_way_stand_above_the_button(opened: Open) -> None:
    card = opened("oversized").card("Support Basic")

    why, button = (card.locator(part).bounding_box() for part in (".blockers", ".select"))

    assert why is not None
    assert button is not None
    assert why["y"] + why["height"] <= button["y"]


def test_a_blocked_plan_says_what_is_in_the_way_and_what_to_do(opened: Open) -> None:
    modal = opened("oversized")
    button = modal.card("Support Basic").get_by_role("button", name="Support Basic")

    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description(
        "Sie nutzen 5 Assistenten, enthalten sind 3. Entfernen Sie 2 Assistenten."
    )


def test_every_select_button_names_its_plan(opened: Open) -> None:
    modal = opened()

    for name in ("Ecommerce Basic", "Ecommerce Scale", "Ecommerce Enterprise"):
        expect(modal.dialog.get_by_role("button", name=f"Auswählen: {name}")).to_have_count(1)


def test_paying_annually_shows_annual_prices_and_the_saving(opened: Open) -> None:
    modal = opened()
    group = modal.dialog.get_by_role("group", name="Abrechnung")
    expect(group.get_by_role("radio", name="Monatlich")).to_be_checked()
    expect(modal.dialog.get_by_text("Jährlich 20 % sparen")).to_be_visible()

    group.get_by_role("radio", name="Monatlich").focus()
    modal.page.keyboard.press("ArrowRight")

    expect(modal.card("Ecommerce Basic")).to_contain_text("1.824 €/Jahr zzgl. MwSt.")
    expect(modal.card("Ecommerce Basic")).to_contain_text("entspricht 152 €/Monat")
    assert modal.focused().startswith("input")


def test_the_interval_is_the_one_the_organisation_pays_at(opened: Open) -> None:
    modal = opened("yearly")

    expect(modal.dialog.get_by_role("radio", name="Jährlich")).to_be_checked()
    expect(modal.card("Ecommerce Basic")).to_contain_text("✓ Ausgewählt")


def test_an_offer_shows_the_old_and_the_new_price_and_until_when(opened: Open) -> None:
    offer = {
        "code": "spring",
        "text": "15 % Rabatt, buchbar bis 31. Dezember 2026",
        "price": {
            "amount_cents": 16150,
            "currency": "EUR",
            "interval": "month",
            "text": "161,50\u00a0€/Monat zzgl. MwSt.",
        },
        "cycles": 3,
        "then_text": "3 Monate lang, danach 190 €/Monat",
        "ends_at": "2027-01-01T00:00:00Z",
    }

    def with_offer(route: Route) -> None:
        answer = route.fetch().json()
        answer["plans"][0]["promotion"] = offer
        route.fulfill(json=answer)

    modal = opened(prepare=lambda page: page.route("**/plan-recommendations?*", with_offer))
    price = modal.cards.first.locator(".price")

    expect(price.locator("s")).to_contain_text("/Monat zzgl. MwSt.")
    expect(price.locator(".now")).to_have_text("161,50 €/Monat zzgl. MwSt.")
    expect(price).to_contain_text("buchbar bis 31. Dezember 2026")
    expect(price).to_contain_text("3 Monate lang, danach 190 €/Monat")
