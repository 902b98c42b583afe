"""Writes contacts_1000.csv: a made-up customer list as a small business would have it, good lines and bad ones.

    python tests/data/make_contacts.py

1,000 rows: 925 people in 39 countries, 40 of them a second time in another spelling, and 35 rows whose number can't be used
(without a default country). Numbers are from ranges kept for fiction where the country has one (North America, United Kingdom,
France, Ireland, Germany, Sweden, Australia); elsewhere they have the country's form and a row of zeros that makes it unlikely
that somebody has them. Nobody in the list exists. The same script always writes the same file.
"""

# ruff: noqa: E501 - the table is read best with a country a line

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from pathlib import Path

PEOPLE, DUPLICATES = 925, 40
HEADER = ["name", "phone", "email", "city", "company", "language", "plan"]
TARGET = Path(__file__).with_name("contacts_1000.csv")


@dataclass(frozen=True)
class Country:
    """`numbers`: country code, then groups; # is any digit. `weight`: how many of the customers live there."""

    weight: int
    language: str
    numbers: list[str]
    cities: list[str]
    first: list[str]
    last: list[str]


def country(weight: int, language: str, numbers: str, cities: str, first: str, last: str) -> Country:
    return Country(weight, language, *([part.strip() for part in text.split(",")] for text in (numbers, cities, first, last)))


COUNTRIES = [
    country(120, "fr", "33 6 39 98 ## ##", "Paris, Lyon, Nîmes, Besançon, Saint-Étienne, L'Haÿ-les-Roses",
            "Élodie, François, Zoé, Noël, Maëlle, Jean-Baptiste, Anaïs, Loïc, Chloé, Gaëlle",
            "Lefèvre, Dupont, Müller, N'Diaye, D'Angelo, Bénard, Le Goff, Garçon, Hérault, Œuvrard"),
    country(90, "en", "1 212 555 01##, 1 312 555 01##, 1 415 555 01##, 1 305 555 01##, 1 737 555 01##",
            "New York, Chicago, San Francisco, Miami, Austin", "Emily, Michael, Aaliyah, José, Grace, Tyler, Mei, DeShawn",
            "Johnson, O'Connor, García, Nguyen, McAllister, Washington, Goldberg, Chen"),
    country(35, "en", "1 416 555 01##, 1 604 555 01##", "Toronto, Vancouver", "Liam, Olivia, Priya, Wei", "Tremblay, Singh, Campbell, Wong"),
    country(20, "fr", "1 514 555 01##, 1 418 555 01##", "Montréal, Québec", "Étienne, Maude, Félix", "Bélanger, Côté, Gagné"),
    country(70, "en", "44 7700 900 ###", "London, Leeds, Stoke-on-Trent, King's Lynn, Cardiff",
            "Oliver, Siân, Harriet, Mohammed, Nia, Alistair", "Smith, Fitzgerald, O'Brien, Khan, Llewellyn, Ashworth-Hughes"),
    country(24, "en", "353 20 91# ## ##", "Dublin, Cork, Dún Laoghaire", "Saoirse, Niamh, Pádraig, Cian", "Ó Súilleabháin, Murphy, O'Neill, Byrne"),
    country(26, "en", "61 491 570 006, 61 491 570 156, 61 491 570 157, 61 491 570 158, 61 491 570 159, 61 491 570 110, "
            "61 491 570 313, 61 491 570 737, 61 491 571 266, 61 491 571 491, 61 491 571 804, 61 491 572 549, 61 491 572 665, "
            "61 491 572 983, 61 491 573 770, 61 491 573 087, 61 491 574 118, 61 491 574 632, 61 491 575 254, 61 491 575 789, "
            "61 491 576 398, 61 491 576 801, 61 491 577 426, 61 491 577 644, 61 491 578 957, 61 491 578 148",
            "Sydney, Melbourne, Perth, Hobart", "Jack, Matilda, Lachlan, Thi", "Wilson, Papadopoulos, Tran, Kelly"),
    country(45, "de", "49 171 392 00##, 49 176 040 690##", "Berlin, Köln, München, Düsseldorf, Gießen",
            "Jürgen, Sönke, Käthe, Björn, Anneliese", "Müller, Schäfer, Weiß, Großmann, von der Heide"),
    country(20, "sv", "46 70 174 06 2#, 46 70 174 06 5#, 46 70 174 06 8#", "Stockholm, Göteborg, Malmö", "Åsa, Björn, Märta, Göran", "Öberg, Åkesson, Lindström"),
    country(14, "hu", "36 20 555 0###", "Budapest, Győr, Szeged", "Zsófia, László, Gergő", "Szabó, Kovács, Tőkés"),
    country(50, "es", "34 600 000 ###", "Madrid, Cádiz, A Coruña, Logroño", "Iñaki, Lucía, José María, Begoña, Andrés", "Núñez, Muñoz, Ibáñez, de la Fuente, Peña"),
    country(45, "es", "52 55 5000 0###, 52 33 1000 0###", "Ciudad de México, Guadalajara", "María José, Ángel, Ximena, Jesús", "Hernández, Gutiérrez, Ordóñez"),
    country(16, "es", "57 300 000 0###", "Bogotá, Medellín", "Andrés, Luz Ángela", "Rodríguez, Cárdenas"),
    country(12, "es", "51 900 000 ###", "Lima, Cusco", "Milagros, Óscar", "Quispe, Mamani"),
    country(12, "es", "56 9 9000 0###", "Santiago, Viña del Mar", "Catalina, Matías", "Muñoz, Araya"),
    country(14, "es", "54 9 11 5000 0###", "Buenos Aires", "Sofía, Nicolás", "Fernández, Agüero"),
    country(40, "pt", "55 11 9 0000 0###, 55 21 9 0000 0###, 55 48 9 0000 0###", "São Paulo, Rio de Janeiro, Florianópolis",
            "João, Conceição, Antônio, Letícia", "da Silva, Gonçalves, Araújo, Brandão"),
    country(14, "pt", "351 910 000 ###", "Lisboa, Évora", "Inês, Gonçalo", "Magalhães, Simões"),
    country(24, "it", "39 330 000 0###", "Milano, Forlì, L'Aquila", "Niccolò, Giosuè, Chiara", "D'Amico, Esposito, Dell'Orto"),
    country(16, "nl", "31 6 1000 0###", "Amsterdam, 's-Hertogenbosch", "Joëlle, Sjoerd, Daniël", "van 't Hof, de Vries, Bakker"),
    country(14, "fr", "32 470 00 0# ##", "Bruxelles, Liège, Gent", "Benoît, Lotte", "Peeters, Dubois"),
    country(12, "de", "41 79 100 0# ##", "Zürich, Genève", "Reto, Aurélie", "Brändli, Rüegg"),
    country(14, "pl", "48 500 000 ###", "Kraków, Łódź, Gdańsk", "Łukasz, Małgorzata, Zbigniew", "Wiśniewski, Wójcik, Źdźbło"),
    country(10, "ro", "40 712 000 ###", "București, Iași", "Ștefan, Mădălina", "Ionescu, Țăranu"),
    country(10, "el", "30 690 000 0###", "Αθήνα, Θεσσαλονίκη", "Γιώργος, Ελένη", "Παπαδόπουλος, Νικολάου"),
    country(12, "tr", "90 530 000 0# ##", "İstanbul, İzmir", "Gülşah, Çağrı, Ömer", "Yılmaz, Öztürk, Şahin"),
    country(10, "uk", "380 50 000 0# ##", "Київ, Львів", "Оксана, Тарас", "Шевченко, Коваль"),
    country(20, "fr", "212 661 00 0# ##", "Casablanca, Fès, Salé", "Youssef, Khadija, Hicham", "El Amrani, Benjelloun, Aït Lahcen"),
    country(12, "fr", "216 20 000 ###", "Tunis, Béja", "Amira, Slim", "Ben Salah, Trabelsi"),
    country(18, "fr", "221 77 000 0# ##", "Dakar, Thiès", "Aïssatou, Mamadou, Ndèye", "N'Diaye, Diop, Sène"),
    country(18, "fr", "225 07 00 00 0# ##", "Abidjan, Bouaké", "Aya, Kouamé, Adjoua", "Koné, N'Guessan, Ouattara"),
    country(12, "en", "234 803 000 0###", "Lagos, Kano", "Chidi, Ngozi", "Okonkwo, Adébáyọ̀"),
    country(10, "en", "254 712 000 ###", "Nairobi, Mombasa", "Wanjiku, Otieno", "Kamau, Ng'ang'a"),
    country(10, "en", "27 82 000 0###", "Cape Town, Durban", "Thandiwe, Johan", "van der Merwe, Dlamini"),
    country(14, "ar", "20 100 000 0###", "القاهرة, الإسكندرية", "محمد, فاطمة", "عبد الرحمن, السيد"),
    country(12, "ar", "971 50 000 0###", "Dubai, أبو ظبي", "Aisha, خالد", "Al Maktoumi, الهاشمي"),
    country(26, "en", "91 98000 00###", "Mumbai, Bengaluru, चेन्नई", "Aarav, Lakshmi, प्रिया", "Sharma, Krishnamurthy, Iyer"),
    country(12, "id", "62 812 0000 0###", "Jakarta, Surabaya", "Putri, Budi", "Santoso, Wijaya"),
    country(12, "en", "63 917 000 0###", "Manila, Parañaque", "Maricel, Jun-Jun", "dela Cruz, Peñaflor"),
    country(12, "ja", "81 90 1000 0###", "東京, 大阪", "さくら, 健太", "佐藤, 鈴木"),
]  # fmt: skip

COMPANIES = ["", "", "", "Boulangerie Chez l'Amie", "Müller & Söhne GmbH", "Acme, Inc.", 'The "Blue Door" Café', "Taller Núñez", "Café São Bento",
             "O'Malley Plumbing", "Studio 7", "Green Grocer Ltd", "Ateliers du Port", "Farmacia del Sol", "Kirana Store", "Salon Beauté+"]  # fmt: skip
PLANS = ["free", "free", "starter", "starter", "pro", "business", ""]
ODD_NAMES = [
    "=1+1",
    "<b>Bold</b> & Sons",
    'Robert "Bob" Marsh',
    "Doe, Jane",
    "🌸 Hana 🌸",
    "O'Hara, Scarlett",
    "  Ann   Extra  Space  ",
    "@handle",
    "+Plus Sign",
    "-Minus",
    "<script>alert(1)</script>",
    "Ян «Хо» Ли",
    "Zoe\u0301 Combining",
    "👩‍👩‍👧 Family Ito",
    "x",
    "Bartholomew Maximilian Featherstonehaugh-Cholmondeley the Younger of Little Wittering",
]
BAD_PHONES = [
    *[""] * 7, " ", *["+33 6 39", "+44 7700", "+1 212", "12345", "+49 171", "0"],
    *["n/a", "call the office", "+33 6 39 98 AB CD", "unknown", "see notes"],
    *["3.36E+10", "4,47701E+11", "1.21256E+10", "3.49E+11"],
    *["06 39 98 12 34", "07700 900 123", "(212) 555-0123", "0171 3920011", "600 000 123", "0491 570 156"],
    *["+33 6 39 98 12 34 56 78", "+1 212 555 0100 0100", "+4477009001234567"],
    *["+999 123 456 789", "+33 0 00 00 00 00", "+1 111 111 1111"],
]  # fmt: skip


def fill(pattern: str, rng: random.Random) -> str:
    return "".join(rng.choice("0123456789") if character == "#" else character for character in pattern)


def spell(number: str, rng: random.Random) -> str:
    """A number, given as groups, the way one of many people would type it."""
    code, *groups = number.split()
    digits = "".join(groups)
    spellings = [
        f"+{code}{digits}",
        f"+{code} {' '.join(groups)}",
        f"+{code}-{'-'.join(groups)}",
        f"+{code}.{'.'.join(groups)}",
        f"00{code}{digits}",
        f"00 {code} {' '.join(groups)}",
        f"+{code} ({groups[0]}) {' '.join(groups[1:])}",
        f"(+{code}) {' '.join(groups)}",
    ]
    rare = [
        f"whatsapp:+{code}{digits}",
        f'="+{code}{digits}"',
        f"'+{code}{digits}",
        f"{code}{digits}@c.us",
        f" +{code}\u00a0{digits} ",
    ]
    if code in ("33", "44", "49", "46", "31"):
        spellings.append(f"+{code} (0){' '.join(groups)}")
    return rng.choice(rare) if rng.random() < 0.06 else rng.choice(spellings)


def email(number: int, name: str, rng: random.Random) -> str:
    letters = "".join(character for character in name.lower() if "a" <= character <= "z")[:12] or "customer"
    return "" if rng.random() < 0.15 else f"{letters}{number}@example.{rng.choice(['com', 'org', 'net'])}"


def person(number: int, place: Country, phone: str, rng: random.Random) -> list[str]:
    name = f"{rng.choice(place.first)} {rng.choice(place.last)}"
    language = rng.choices([place.language, place.language.upper(), ""], [10, 1, 2])[0]
    return [name, phone, email(number, name, rng), rng.choice(place.cities), rng.choice(COMPANIES), language, rng.choice(PLANS)]


def people(rng: random.Random) -> tuple[list[list[str]], list[str]]:
    """The rows of all people, and the number of each as groups."""
    rows: list[list[str]] = []
    numbers: dict[str, None] = {}
    places = rng.choices(COUNTRIES, [place.weight for place in COUNTRIES], k=PEOPLE * 2)
    for place in [*COUNTRIES, *places]:
        number = fill(rng.choice(place.numbers), rng)
        if len(rows) < PEOPLE and number not in numbers:
            numbers[number] = None
            rows.append(person(len(rows) + 1, place, spell(number, rng), rng))
    return rows, list(numbers)


def again(row: list[str], number: str, rng: random.Random) -> list[str]:
    """The same person, entered a second time by somebody else."""
    phone = row[1]
    while phone == row[1]:
        phone = spell(number, rng)
    return [rng.choice([row[0], row[0].upper(), row[0].split()[0]]), phone, *row[2:5], row[5], rng.choice(PLANS)]


def contacts() -> list[list[str]]:
    rng = random.Random(1000)
    rows, numbers = people(rng)
    for index, name in zip(rng.sample(range(len(rows)), len(ODD_NAMES)), ODD_NAMES, strict=True):
        rows[index][0] = name
    others = [again(rows[index], numbers[index], rng) for index in rng.sample(range(len(rows)), DUPLICATES)]
    others += [person(2000 + index, rng.choice(COUNTRIES), phone, rng) for index, phone in enumerate(BAD_PHONES)]
    everyone = rows + others
    rng.shuffle(everyone)
    return everyone


def main() -> None:
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(contacts())


if __name__ == "__main__":
    main()
