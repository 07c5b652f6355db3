"""A pocket phrase book: forty common words in seven languages, by ISO 639-1 code.

Common dictionary words, in the singular and without article, German nouns with their capital; where a language has
several words, the most usual one. Within a language every word is different, so that each can be looked up. Written
down in November 2026.
"""

LANGUAGES: tuple[str, ...] = ("en", "fr", "de", "es", "it", "nl", "pt")

#: one row a word, in the order of `LANGUAGES`
PHRASES: tuple[tuple[str, ...], ...] = (
    ("water", "eau", "Wasser", "agua", "acqua", "water", "água"),
    ("bread", "pain", "Brot", "pan", "pane", "brood", "pão"),
    ("milk", "lait", "Milch", "leche", "latte", "melk", "leite"),
    ("cheese", "fromage", "Käse", "queso", "formaggio", "kaas", "queijo"),
    ("egg", "œuf", "Ei", "huevo", "uovo", "ei", "ovo"),
    ("wine", "vin", "Wein", "vino", "vino", "wijn", "vinho"),
    ("salt", "sel", "Salz", "sal", "sale", "zout", "sal"),
    ("sugar", "sucre", "Zucker", "azúcar", "zucchero", "suiker", "açúcar"),
    ("apple", "pomme", "Apfel", "manzana", "mela", "appel", "maçã"),
    ("house", "maison", "Haus", "casa", "casa", "huis", "casa"),
    ("door", "porte", "Tür", "puerta", "porta", "deur", "porta"),
    ("window", "fenêtre", "Fenster", "ventana", "finestra", "raam", "janela"),
    ("table", "table", "Tisch", "mesa", "tavolo", "tafel", "mesa"),
    ("chair", "chaise", "Stuhl", "silla", "sedia", "stoel", "cadeira"),
    ("bed", "lit", "Bett", "cama", "letto", "bed", "cama"),
    ("book", "livre", "Buch", "libro", "libro", "boek", "livro"),
    ("street", "rue", "Straße", "calle", "strada", "straat", "rua"),
    ("bridge", "pont", "Brücke", "puente", "ponte", "brug", "ponte"),
    ("city", "ville", "Stadt", "ciudad", "città", "stad", "cidade"),
    ("dog", "chien", "Hund", "perro", "cane", "hond", "cão"),
    ("cat", "chat", "Katze", "gato", "gatto", "kat", "gato"),
    ("horse", "cheval", "Pferd", "caballo", "cavallo", "paard", "cavalo"),
    ("bird", "oiseau", "Vogel", "pájaro", "uccello", "vogel", "pássaro"),
    ("fish", "poisson", "Fisch", "pez", "pesce", "vis", "peixe"),
    ("tree", "arbre", "Baum", "árbol", "albero", "boom", "árvore"),
    ("flower", "fleur", "Blume", "flor", "fiore", "bloem", "flor"),
    ("sun", "soleil", "Sonne", "sol", "sole", "zon", "sol"),
    ("moon", "lune", "Mond", "luna", "luna", "maan", "lua"),
    ("star", "étoile", "Stern", "estrella", "stella", "ster", "estrela"),
    ("fire", "feu", "Feuer", "fuego", "fuoco", "vuur", "fogo"),
    ("snow", "neige", "Schnee", "nieve", "neve", "sneeuw", "neve"),
    ("sea", "mer", "Meer", "mar", "mare", "zee", "mar"),
    ("island", "île", "Insel", "isla", "isola", "eiland", "ilha"),
    ("mountain", "montagne", "Berg", "montaña", "montagna", "berg", "montanha"),
    ("night", "nuit", "Nacht", "noche", "notte", "nacht", "noite"),
    ("summer", "été", "Sommer", "verano", "estate", "zomer", "verão"),
    ("winter", "hiver", "Winter", "invierno", "inverno", "winter", "inverno"),
    ("friend", "ami", "Freund", "amigo", "amico", "vriend", "amigo"),
    ("hand", "main", "Hand", "mano", "mano", "hand", "mão"),
    ("heart", "cœur", "Herz", "corazón", "cuore", "hart", "coração"),
)
