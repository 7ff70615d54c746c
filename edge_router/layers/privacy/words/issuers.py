"""Prefixes and forms of keys, as their issuers document them.

Most count from some eight characters on: half a key is private too.
"""

from __future__ import annotations

__all__ = ["ISSUED"]

ISSUED = r"""
(?:AKIA|ASIA)[0-9A-Z]{4,16}(?![a-z])
gh[pousr]_[A-Za-z0-9]{4,255}
github_pat_\w{4,255}
gl(?:pat|ptt|dt|rt|soat|cbt|ft|agent|imt)-[\w\-]{8,255}
sk-(?:proj|ant|svcacct|admin|or|lf)-[\w\-]{4,256}
sk-[A-Za-z0-9]{20,256}
[sprw]k_(?:live|test|prod)_\w{4,256}
sk_[0-9a-f]{32,64}
rzp_(?:live|test)_\w{8,64}
whsec_\w{8,256}
xox[a-z]-[\w\-]{4,256}
xapp-\d-[\w\-]{8,256}
AIza[\w\-]{8,64}
ya29\.[\w\-]{8,512}
GOCSPX-[\w\-]{8,64}
hf_[A-Za-z0-9]{10,64}
gsk_\w{10,128}
(?:xai|nvapi|pplx|tvly|csk|voyage|pcsk|fc)-\w[\w\-]{9,128}
(?:r8|pcsk|jina|fw|dckr_[po]at|figd|glsa|glc|sntry[su]|sbp|rnd|rubygems|hvs|ph[cx])_[\w\-]{16,256}
(?:napi|vercel_blob_rw)_[\w\-]{16,256}
r8_\w{10,64}
lsv2_(?:pt|sk)_\w{16,128}
npm_[A-Za-z0-9]{10,64}
pypi-[\w\-]{16,256}
SG\.[\w\-]{8,64}\.[\w\-]{8,128}
do[por]_v1_[a-f0-9]{8,64}
shp(?:at|ca|pa|ss)_\w{8,64}
dapi[a-f0-9]{16,64}
key-[a-f0-9]{32}
[0-9a-f]{32}-us[0-9]{1,2}(?![0-9a-z])
SK[0-9a-f]{32}(?![0-9a-z])
PMAK-[0-9a-f]{16,32}-[0-9a-f]{16,48}
CFPAT-[\w\-]{20,64}
ATATT3[\w\-=]{16,512}
AKCp[0-9A-Za-z]{20,100}
LTAI[0-9A-Za-z]{12,24}(?![0-9A-Za-z])
AKID[0-9A-Za-z]{13,40}(?![0-9A-Za-z])
xkeysib-[0-9a-f]{16,64}(?:-\w{4,32})?
[ps]k\.eyJ[\w\-.]{16,512}
sq0(?:atp|csp)-[\w\-]{10,64}
EAACEdEose0cBA\w+
lin_api_\w{10,64}
secret_[A-Za-z0-9]{40,64}
ntn_\w{20,64}
hvs\.[\w\-]{8,256}
tskey-[\w\-]{8,128}
AGE-SECRET-KEY-1\w{10,64}
[0-9]{8,10}:AA[\w\-]{30,40}
[MNO][\w\-]{23,27}\.[\w\-]{6}\.[\w\-]{27,40}
xprv[0-9A-HJ-NP-Za-km-z]{80,112}
[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}(?![\w\-])
eyJ[\w\-]{8,4096}\.eyJ[\w\-]{8,8192}(?:\.[\w\-]{0,4096})?
""".split()
