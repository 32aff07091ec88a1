"""What a bundler makes: files whose names change with their content, one of which is asked for only when it is needed."""

import hashlib
from pathlib import Path

HERE = Path(__file__).parent
RELEASE = (HERE / "release.txt").read_text().strip()
FOLDER = HERE / "dist" / "assets"


def hashed(stem: str, kind: str, text: str) -> str:
    name = f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.{kind}"
    (FOLDER / name).write_text(text)
    return name


FOLDER.mkdir(parents=True)
late = hashed("late", "js", f'export const said = "late of {RELEASE}";\n' + "// filler\n" * 500)
style = hashed("late", "css", f"#said {{ --release: {RELEASE}; }}\n")
main = hashed(
    "main",
    "js",
    f"""document.querySelector("button").addEventListener("click", async () => {{
  const sheet = Object.assign(document.createElement("link"), {{ rel: "stylesheet", href: "/assets/{style}" }});
  document.head.append(sheet);
  await new Promise((done, fail) => {{ sheet.onload = done; sheet.onerror = fail; }});
  const {{ said }} = await import("./{late}");
  document.querySelector("#said").textContent = said;
}});
document.querySelector("#said").textContent = "main of {RELEASE}";
""",
)
if (HERE / "huge").exists():
    hashed("huge", "js", "// huge\n" * 2_000_000)
(FOLDER / "logo.svg").write_text(f"<svg xmlns='http://www.w3.org/2000/svg'><title>{RELEASE}</title></svg>")
(FOLDER / "members.js").write_text("'for members only'")
(FOLDER / ".secret.js").write_text("'nobody reads this'")
(FOLDER / "out.js").symlink_to("/etc/hostname")
(HERE / "dist" / "index.html").write_text(
    f"<!doctype html><html lang=en><title>tabs</title><link rel=icon href=data:,>"
    f"<p id=release>release {RELEASE}</p><p id=said></p><button>late</button>"
    f'<script type="module" src="/assets/{main}"></script>'
)
