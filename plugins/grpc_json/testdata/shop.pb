
±

shop.protoshop""
Item
name (	
note (	2q
Shop5
Find
.shop.Item
.shop.Item"Ç”‰ì/items/{name}2
Store
.shop.Item
.shop.Item"Ç”‰ì"/items:*bproto3