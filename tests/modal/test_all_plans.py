"""All plans stand side by side in one table, with what is on offer."""

from playwright.sync_api import Route, expect

from tests.modal.conftest import Open


def test_all_plans_open_as_a_table_of_the_family_that_fits(opened: Open) -> None:
    modal = opened()
    expect(modal.all_plans).to_have_attribute("aria-expanded", "false")

    modal.all_plans.click()

    expect(modal.all_plans).to_have_attribute("aria-expanded", "true")
    columns = modal.table.get_by_role("columnheader")
    expect(columns).to_have_count(4)
    expect(columns.first).to_contain_text("Ecommerce Basic")
    expect(columns.first).to_contain_text("190 €/Monat zzgl. MwSt.")
    expect(columns.last).to_have_text("EnterpriseAuf Anfrage")
    expect(modal.dialog.get_by_role("table", name="Pläne im Vergleich: E-Commerce")).to_be_visible()


def test_a_plan_that_only_the_other_interval_has_is_announced_before_anything_is_opened(opened: Open) -> None:
    said = "Nur mit jährlicher Zahlung: Team (1.920 €/Jahr zzgl. MwSt.)"

    def announce(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"elsewhere_text": said})

    modal = opened(prepare=lambda page: page.route("**/shop/plans?*", announce))

    expect(modal.dialog.locator(".all")).to_contain_text(said)
    expect(modal.all_plans).to_have_attribute("aria-expanded", "false")


def test_every_plan_of_every_family_is_there(opened: Open) -> None:
    modal = opened()
    modal.all_plans.click()

    modal.dialog.get_by_role("radio", name="Alle Bereiche").check(force=True)

    expect(modal.table.get_by_role("columnheader")).to_have_count(13)


def test_a_feature_is_read_aloud_as_included_or_not(opened: Open) -> None:
    modal = opened()
    modal.all_plans.click()

    row = modal.table.get_by_role("row", name="Workflow-Automatisierung")

    expect(row.get_by_role("cell")).to_have_text(["nicht enthalten", "enthalten", "enthalten", "enthalten"])


def test_only_differences_leaves_what_differs(opened: Open) -> None:
    modal = opened()
    modal.all_plans.click()
    expect(modal.table.get_by_role("rowheader", name="Auskunft zum Bestellstatus")).to_have_count(1)

    modal.dialog.get_by_role("switch", name="Nur Unterschiede zeigen").check()

    expect(modal.table.get_by_role("rowheader", name="Auskunft zum Bestellstatus")).to_have_count(0)
    expect(modal.table.get_by_role("rowheader", name="Dokumente")).to_have_count(1)


def test_names_and_plans_stay_in_view_while_the_table_scrolls(opened: Open) -> None:
    modal = opened(viewport={"width": 390, "height": 844})
    modal.all_plans.click()
    box = modal.dialog.locator(".table-box")

    def place(role: str) -> tuple[float, float]:
        found = modal.table.get_by_role(role).first.bounding_box()  # type: ignore[arg-type]
        assert found is not None
        return found["x"], found["y"]

    box.evaluate("e => e.scrollIntoView()")
    before = place("rowheader")[0], place("columnheader")[1]
    box.evaluate("e => e.scrollTo({left: 60, top: 200, behavior: 'instant'})")

    assert box.evaluate("e => e.scrollTop") == 200
    assert (place("rowheader")[0], place("columnheader")[1]) == before


def test_in_a_narrow_window_no_word_of_the_comparison_is_broken_and_two_plans_are_in_view(opened: Open) -> None:
    modal = opened("oversized", viewport={"width": 320, "height": 640}, locale="fr")
    modal.all_plans.click()
    box = modal.table.locator("..")

    broken = box.evaluate(
        """box => {
            for (const each of box.querySelectorAll("th, td, button")) {
                each.style.overflowWrap = "normal";
                each.style.hyphens = "manual";
            }
            return [...box.querySelectorAll("th, td, button")]
                .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent);
        }"""
    )
    whole = box.evaluate(
        """box => {
            const { left, right } = box.getBoundingClientRect();
            const inside = each => each.left >= left - 1 && each.right <= right + 1;
            return [...box.querySelectorAll("thead th")].filter(each => inside(each.getBoundingClientRect())).length;
        }"""
    )

    assert broken == []
    assert whole >= 2


def test_offers_say_for_which_plans_and_until_when(opened: Open) -> None:
    modal = opened()
    modal.all_plans.click()

    offers = modal.dialog.locator(".promotions")

    expect(offers.get_by_role("heading", name="Angebote und Aktionen")).to_be_visible()
    expect(offers).to_contain_text("Ecommerce Basic")
    expect(offers).to_contain_text("Bis ")


def test_the_rows_stand_in_groups_with_own_usage_beside_each_limit_and_what_more_costs(opened: Open) -> None:
    modal = opened("outgrown", locale="de")
    modal.all_plans.click()

    groups = modal.table.locator("tr.group th")

    expect(groups).to_have_text(["Nutzung", "Funktionen", "Integrationen", "Support und Zusagen"])
    conversations = modal.table.get_by_role("row", name="Gespräche pro Monat")
    expect(conversations.get_by_role("rowheader")).to_contain_text("Sie nutzen ~1")
    expect(conversations.get_by_role("cell").first).to_contain_text("~50k")
    expect(conversations.locator("small.over")).to_have_count(2)
    overage = modal.table.get_by_role("row", name="Mehrverbrauch Gespräche")
    expect(overage.get_by_role("cell")).to_have_text(["8 € je 1.000 Gespräche", "6 € je 1.000 Gespräche", "–", "–"])


def test_the_recommended_and_the_current_column_are_marked(opened: Open) -> None:
    modal = opened("outgrown", locale="de")
    modal.all_plans.click()

    columns = modal.table.get_by_role("columnheader")

    expect(columns.filter(has_text="Aktueller Plan")).to_contain_text("Ecommerce Basic")
    expect(columns.filter(has_text="Empfohlen")).to_have_count(1)
    expect(columns.filter(has_text="Empfohlen")).to_have_class("recommended")


def test_the_enterprise_column_leads_to_sales(opened: Open) -> None:
    modal = opened()
    modal.all_plans.click()

    modal.table.get_by_role("button", name="Vertrieb kontaktieren: Enterprise").click()

    expect(modal.dialog.get_by_role("textbox", name="Ihr Name")).to_be_focused()
