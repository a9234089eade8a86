"""The words of the pages for people in the site's language: Chinese in both scripts, English for every other."""

from __future__ import annotations

from typing import NamedTuple


class Wording(NamedTuple):
    """What the pages say. `{}` takes what a sentence speaks of."""

    #: BCP 47, of the words themselves.
    language: str
    intro: str
    everything: str
    categories: str
    tags: str
    posts: str
    one_post: str
    #: How many of a feed's posts its file holds.
    in_feed: str
    below: str
    updated: str
    filter: str
    expand: str
    collapse: str
    found: str
    found_none: str
    copy: str
    copy_of: str
    copied: str
    address: str
    #: Of the file that lists every feed, which readers take in at once.
    opml: str
    empty: str
    unreadable: str
    original: str
    back: str
    source: str
    video: str
    audio: str
    embed: str


_ENGLISH = Wording(
    language="en",
    intro="Copy the address of a feed and paste it into your feed reader: new posts will come to you.",
    everything="Everything",
    categories="Categories",
    tags="Tags",
    posts="{} posts",
    one_post="1 post",
    in_feed="the newest {} in the feed",
    below="Below {}",
    updated="updated {}",
    filter="Filter",
    expand="Open all",
    collapse="Close all",
    found="{} found",
    found_none="Nothing found",
    copy="Copy",
    copy_of="Copy the address of {}",
    copied="Copied",
    address="Address of the feed",
    opml="All feeds as OPML",
    empty="Nothing has been published yet. Put posts into the folder {} and run feedmill publish.",
    unreadable="The list of feeds cannot be read now. The feeds themselves are still there; feedmill publish makes the list anew.",
    original="Read the original at {}",
    back="All feeds",
    source="from {}",
    video="Video",
    audio="Sound",
    embed="Player",
)

_SIMPLIFIED = Wording(
    language="zh-Hans",
    intro="复制订阅地址，粘贴到阅读器里，新文章就会自己送到。",
    everything="全部文章",
    categories="分类",
    tags="标签",
    posts="{} 篇",
    one_post="1 篇",
    in_feed="订阅里是最新的 {} 篇",
    below="{} 的子分类",
    updated="更新于 {}",
    filter="筛选",
    expand="全部展开",
    collapse="全部收起",
    found="找到 {} 个",
    found_none="没有找到",
    copy="复制",
    copy_of="复制 {} 的订阅地址",
    copied="已复制",
    address="订阅地址",
    opml="全部订阅（OPML）",
    empty="还没有发布任何内容。把文章放进 {} 文件夹，然后运行 feedmill publish。",
    unreadable="暂时读不到订阅列表。订阅本身不受影响；运行 feedmill publish 会重新生成列表。",
    original="阅读原文：{}",
    back="全部订阅",
    source="来自 {}",
    video="视频",
    audio="音频",
    embed="播放器",
)

_TRADITIONAL = Wording(
    language="zh-Hant",
    intro="複製訂閱位址，貼到閱讀器裡，新文章就會自己送到。",
    everything="全部文章",
    categories="分類",
    tags="標籤",
    posts="{} 篇",
    one_post="1 篇",
    in_feed="訂閱裡是最新的 {} 篇",
    below="{} 的子分類",
    updated="更新於 {}",
    filter="篩選",
    expand="全部展開",
    collapse="全部收合",
    found="找到 {} 個",
    found_none="沒有找到",
    copy="複製",
    copy_of="複製 {} 的訂閱位址",
    copied="已複製",
    address="訂閱位址",
    opml="全部訂閱（OPML）",
    empty="還沒有發布任何內容。把文章放進 {} 資料夾，然後執行 feedmill publish。",
    unreadable="暫時讀不到訂閱列表。訂閱本身不受影響；執行 feedmill publish 會重新產生列表。",
    original="閱讀原文：{}",
    back="全部訂閱",
    source="來自 {}",
    video="影片",
    audio="音訊",
    embed="播放器",
)

_TRADITIONAL_TAGS = frozenset({"hant", "tw", "hk", "mo"})


def wording_for(language: str) -> Wording:
    """Return the words for a language tag (BCP 47)."""
    primary, *rest = language.lower().split("-")
    if primary != "zh":
        return _ENGLISH
    return _TRADITIONAL if _TRADITIONAL_TAGS.intersection(rest) and "hans" not in rest else _SIMPLIFIED
