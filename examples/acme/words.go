package acme

import "strings"

// The words from which rows are made. Lists are constants that are split when
// used, so that nobody can change them.
const (
	firstNames = "Amélie Jonas Zoë Mateo Ingrid Tariq Priya Lukas Chloé Søren Aisha Dmitri Hana Oluwaseun Freya Rafael " +
		"Mei Callum Nadia Björn Sofia Kenji Leila Tomasz Grace Emil Yara Diego Agnes Farid Linnea Hugo Paula Idris " +
		"Marta Noah Elif Viktor Ruth Samir"
	lastNames = "Laurent Weber Okafor Lindqvist García Novák Tanaka Haddad Müller Rossi Jensen Patel Kowalski Dubois " +
		"Fraser Yılmaz Silva Andersson Nguyen O'Connor Schneider Ivanova Mensah Castro Bauer Fournier Sato Rahman " +
		"Nielsen Moreau Varga Petrov Costa Brandt Keller Murphy Santos Virtanen Horvat Peeters"
	mailDomains = "mail.example post.example inbox.example letters.example"
	companies   = "Bright Ladder GmbH|Two Rivers Co-op|Nordlicht Montage|Atelier Fontaine|Harbour & Sons|" +
		"Kestrel Guides|Oak Street School|Alpenhaus AG|Red Door Catering|Meridian Labs"
	streets = "Hauptstraße|Rue des Lilas|Mill Lane|Calle Mayor|Storgatan|Via Roma|Kerkstraat|Station Road|Lindenweg|High Street"
	// cities are city, country and the form of a postal code, where # is a digit.
	cities = "Köln/DE/5####|Lyon/FR/6900#|Malmö/SE/21# ##|Porto/PT/4###-###|Gent/BE/90##|Graz/AT/80##|" +
		"Kraków/PL/3#-###|Aarhus/DK/8###|Bilbao/ES/480##|Torino/IT/101##|Utrecht/NL/35## AB|Bern/CH/30##"
	warehouses = "Rotterdam|Leipzig|Lyon"
	// catalogue is one category a line: name, SKU code, series, then five
	// articles with price in cents and weight in grams.
	catalogue = `workshop|WRK|Forge|Cast-iron anvil/18900/50000|Claw hammer/2450/780|Torque wrench/7900/1450|Bench vise/11900/9200|Hand plane/6450/1900
camping|CMP|Ridge|Two-person tent/21900/2600|Down sleeping bag/17900/980|Gas stove/4950/310|Folding chair/3990/2100|Water filter/5450/240
climbing|CLB|Summit|Dynamic rope 60 m/15900/3700|Climbing harness/6990/410|Belay device/3200/86|Helmet/7450/290|Quickdraw/1890/102
kitchen|KIT|Hearth|Cast-iron pan 12"/5900/3100|Enamel kettle/4400/1150|Chef's knife 8"/8900/230|Oak cutting board/3600/1700|Spice mill/2750/340
lighting|LGT|Ember|Storm lantern/3450/890|Head torch/4990/95|Work lamp/6200/1300|Bicycle light/2990/110|Desk lamp/7300/1600
storage|STO|Cellar|Steel shelf/8900/14500|Tool chest/16400/21000|Stacking crate/1450/900|Dry bag 20 l/2490/260|Wall hooks/990/320
garden|GRD|Meadow|Spade/4200/2050|Pruning shears/3150/240|Watering can 9 l/2890/1100|Wheelbarrow/9900/13200|Hand trowel/1250/310
cycling|CYC|Velo|Floor pump/3990/1500|Pannier bag/7900/950|U-lock/5490/1380|Repair stand/12900/5600|Chain tool/1690/150
office|OFF|Ledger|Notebook A5/890/260|Fountain pen/5400/24|Document case/6700/720|Standing mat/4500/1900|Label printer/8900/640
travel|TRV|Harbour|Duffel bag 60 l/9900/1200|Packing cubes/2990/280|Travel towel/1990/210|Vacuum flask/3290/410|Neck pillow/2450/330`
	orderNotes = "Please ring twice.|Leave with the neighbour at no. 4.|Gift: no invoice in the box, please.|Needed by Friday."
	subjects   = "Parcel has not arrived|Wrong article in the box|Question about the warranty|Please change my address|" +
		"Article was damaged|When is it back in stock?|Invoice is missing the VAT number|Refund not received yet"
	bodies = "The tracking page hasn't changed for four days. Can you find out where it is?|" +
		"I opened the box today and it isn't what I ordered.|How long is the warranty, and does it cover wear?|" +
		"I am moving at the end of the month; my new address is in the attachment.|" +
		"One corner is dented and the coating is scratched. I have photos.|" +
		"The page says sold out. I'd like to be told when it is back.|" +
		"Our accountant needs an invoice with our VAT number.|I sent it back two weeks ago and have heard nothing since."
	replies = "Thank you for writing; we are looking into it.|We have asked the carrier and will be back within two days.|" +
		"A replacement is on its way.|Any news?|That solved it, thank you!|Could you send us a photo, please?"
)

func categories() []string {
	var names []string
	for line := range strings.Lines(catalogue) {
		name, _, _ := strings.Cut(line, "|")
		names = append(names, name)
	}
	return names
}

// ascii spells a name for the local part of an e-mail address.
func ascii(name string) string {
	return strings.NewReplacer("é", "e", "ë", "e", "ø", "o", "ö", "oe", "ü", "ue", "í", "i", "á", "a", "ı", "i", "'", "").
		Replace(strings.ToLower(name))
}

// part returns the i-th part of a list.
func part(words string, i int) string { return strings.Split(words, "|")[i] }
